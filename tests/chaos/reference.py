"""What a run comes to when nothing happens to it: trained here, by the libraries alone."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.schemas.runs import RunSpec
from service.usecases.plans import plan_of
from workers.computing import kernels_for
from workers.engine.training import TrainingState, train
from workers.fit import values_of
from workers.modelling.codec import weights_to_bytes
from workers.modelling.estimator import prepare
from workers.tabular.parquet import read_table


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
    state = TrainingState.initial(prepared.network, training, resolved.seed)
    curves: dict[str, list[float | None]] = {}
    steps = train(
        prepared.network,
        state,
        prepared.data,
        training,
        resolved.seed,
        kernels=kernels_for("cpu"),
    )
    for progress in steps:
        if progress.report is not None:
            for name, value in values_of(progress.report, training).items():
                curves.setdefault(name, []).append(value)
    weights = weights_to_bytes(prepared.network, state.final_parameters(training))
    sha256 = hashlib.sha256(weights).hexdigest()
    return Reference(sha256, state.epoch, curves, time.monotonic() - began_s)
