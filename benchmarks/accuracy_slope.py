"""Our recipes on a table, from its text to predictions, by the same steps as a worker's."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.computing import kernels_for
from workers.fit import Fit, initial_states
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.ingest import ingest
from workers.tabular.options import ColumnWish, IngestOptions
from workers.tabular.parquet import read_table

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from benchmarks.accuracy_tables import Table
    from workers.modelling.fitted import FittedModel
    from workers.modelling.plan import Recipe
    from workers.tabular.profile import TableProfile


class Trained:
    """A recipe's model of a table's rows, and the CPU time that preparing and training took."""

    def __init__(self, table: Table, recipe: Recipe, seed: int) -> None:
        """Raises what resolving, preparing and training raise."""
        stored, profile = _stored(table)
        before_s = time.process_time()
        self._model = _fit(stored, profile, table, recipe, seed)
        self.cpu_s = time.process_time() - before_s

    def answers(self, table: Table) -> NDArray[Any]:
        """The values (N, T), or the labels (N,), for the rows of a table."""
        cells = {
            feature.name: [cell or None for cell in table.column(feature.name)]
            for feature in self._model.features
        }
        said = self._model.predict_columns(cells)
        if said.labels is not None:
            return np.array(said.labels)
        if said.values is None:
            raise RuntimeError("neither labels nor values")
        return said.values.reshape(len(table.rows), -1)


def _fit(
    stored: pa.Table, profile: TableProfile, table: Table, recipe: Recipe, seed: int
) -> FittedModel:
    target = table.targets[0] if len(table.targets) == 1 else table.targets
    wish = ModelWish(target=target, task=table.task, network=recipe, seed=seed)
    plan = resolve(wish, profile)
    prepared = prepare(stored, plan)
    fit = Fit(prepared, plan.training, seed, initial_states(prepared, plan.training, seed))
    for _ in fit.epochs(kernels_for("cpu")):
        pass
    return fit.fitted(fit.final_parameters())


def _stored(table: Table) -> tuple[pa.Table, TableProfile]:
    """The rows as an upload leaves them; what its owner says are the types that a card says."""
    with TemporaryDirectory() as name:
        source, out = Path(name) / "table.csv", Path(name) / "table.parquet"
        with source.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerows(table.rows)
        # Labels are compared as they are written: as numbers, "1.0" would come back as "1".
        labels = () if table.is_regression else table.targets
        words = table.categorical.union(labels)
        schema = {column: ColumnWish(type="categorical") for column in words}
        profile = ingest(source, IngestOptions(schema=schema), out)
        return read_table(out.read_bytes()), profile
