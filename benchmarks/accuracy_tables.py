"""The tables of the accuracy bench: those of a folder, or those that scikit-learn ships."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sklearn import datasets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SHIPPED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}
_REGRESSIONS = frozenset(("diabetes",))


@dataclass(frozen=True)
class Table:
    """Cells as text, "" a missing one, row by row, and what is to be predicted from the others.

    `categorical` columns are said to be so; `words` are these and those that are no numbers.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    targets: tuple[str, ...]
    task: Literal["regression", "binary", "multiclass"]
    categorical: frozenset[str]
    words: frozenset[str]

    @property
    def features(self) -> tuple[str, ...]:
        """The columns to predict from."""
        return tuple(name for name in self.columns if name not in self.targets)

    @property
    def is_regression(self) -> bool:
        """Whether numbers are predicted."""
        return self.task == "regression"

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def truth(self) -> NDArray[Any]:
        """The numbers (N, T), or the labels (N,)."""
        if self.is_regression:
            return np.array([self.column(name) for name in self.targets]).T.astype(float)
        return np.array(self.column(self.targets[0]))

    def of(self, places: Sequence[int] | NDArray[np.intp]) -> Table:
        """The same table with these rows alone, in their order."""
        return replace(self, rows=tuple(self.rows[int(place)] for place in places))


def shipped_tables() -> Iterator[Table]:
    """What comes with scikit-learn: every column a number, nothing missing."""
    for name, load in SHIPPED.items():
        loaded = load()
        columns = (*(str(column) for column in loaded.feature_names), "target")
        cells = zip(loaded.data.tolist(), loaded.target.tolist(), strict=True)
        rows = tuple((*map(repr, row), repr(target)) for row, target in cells)
        task = "regression" if name in _REGRESSIONS else _classes(set(loaded.target.tolist()))
        yield Table(name, columns, rows, ("target",), task, frozenset(), frozenset())


def tables_in(folder: Path) -> Iterator[Table]:
    """Every card `NAME.json` of the folder with its CSV file.

    A card says `file`, `target` (a name or several), `task`, and, where there are any,
    `categorical_columns`, `date_columns`, `text_columns` and `drop_columns`. Rows without a target
    are left out. Raises FileNotFoundError where the folder has no card.
    """
    cards = sorted(folder.glob("*.json"))
    if not cards:
        raise FileNotFoundError(f"{folder} has no cards (NAME.json)")
    for path in cards:
        card = json.loads(path.read_text("utf-8"))
        yield _read(folder / card["file"], path.stem, card)


def _read(file: Path, name: str, card: dict[str, Any]) -> Table:
    targets = (card["target"],) if isinstance(card["target"], str) else tuple(card["target"])
    # The peers read numbers and categories alone: what else there is would be ours only.
    dropped = {*card.get("drop_columns", ()), *card.get("text_columns", ())}
    dropped |= set(card.get("date_columns", ()))
    with file.open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        head = next(reader)
        kept = [place for place, column in enumerate(head) if column not in dropped]
        columns = tuple(head[place] for place in kept)
        # The service reads cells without the blanks around them.
        rows = [tuple(row[place].strip() for place in kept) for row in reader]
    places = [columns.index(target) for target in targets]
    whole = tuple(row for row in rows if all(row[place] for place in places))
    categorical = frozenset(card.get("categorical_columns", ())) - dropped - set(targets)
    words = categorical | {
        column
        for place, column in enumerate(columns)
        if not all(_is_number(row[place]) for row in whole)
    }
    return Table(name, columns, whole, targets, card["task"], categorical, words)


def _is_number(cell: str) -> bool:
    try:
        return not cell or isfinite(float(cell))
    except ValueError:
        return False


def _classes(labels: set[Any]) -> Literal["binary", "multiclass"]:
    return "binary" if len(labels) == 2 else "multiclass"
