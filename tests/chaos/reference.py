"""What a run comes to when nothing happens to it: trained here, by the libraries alone."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from service.schemas.runs import RunSpec
from service.usecases.plans import plan_of
from workers.computing import kernels_for
from workers.engine.training import TrainingState, train
from workers.fit import values_of
from workers.modelling.codec import stacked, weights_to_bytes
from workers.modelling.estimator import prepare
from workers.tabular.parquet import read_table

if TYPE_CHECKING:
    from workers.engine.spec import TrainingSpec
    from workers.engine.tensors import Array
    from workers.modelling.estimator import Prepared


@dataclass(frozen=True)
class Reference:
    """The end of an undisturbed training."""

    weights_sha256: str
    epochs: int
    curves: Mapping[str, list[float | None]]
    """Metrics by name, one value per epoch."""
    seconds: float = 0.0
    """What it took."""


def train_undisturbed(spec: Mapping[str, Any], parquet: bytes) -> Reference:
    """Train a run's resolved specification, as the ledger has it, on the stored bytes."""
    began_s = time.monotonic()
    resolved = RunSpec.model_validate_json(json.dumps(spec))
    training = resolved.training
    prepared = prepare(read_table(parquet), plan_of(resolved))
    seeds = range(resolved.seed, resolved.seed + training.members)
    members = [_alone(prepared, training, seed) for seed in seeds]
    weights = weights_to_bytes(prepared.network, stacked([parameters for parameters, _ in members]))
    epochs = max(len(values) for _, values in members)
    curves: dict[str, list[float | None]] = {}
    for epoch in range(epochs):
        at_work = [values[epoch] for _, values in members if epoch < len(values)]
        for name in at_work[0]:
            of_members = [values[name] for values in at_work]
            several = len(members) > 1
            curves.setdefault(name, []).append(fmean(of_members) if several else of_members[0])
    sha256 = hashlib.sha256(weights).hexdigest()
    return Reference(sha256, epochs, curves, time.monotonic() - began_s)


def _alone(
    prepared: Prepared, training: TrainingSpec, seed: int
) -> tuple[Array, list[dict[str, float]]]:
    """The final parameters of one member, and the metrics of its epochs."""
    state = TrainingState.initial(prepared.network, training, seed)
    steps = train(
        prepared.network, state, prepared.data, training, seed, kernels=kernels_for("cpu")
    )
    values = [values_of(step.report, training) for step in steps if step.report is not None]
    return state.final_parameters(training), values
