"""Going on from any yield gives the bits of never having stopped, whatever was asked for."""

from __future__ import annotations

import hashlib
import json
from itertools import count
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest

from tests.workers.engine import problems
from workers.engine.network import Network
from workers.engine.spec import (
    AdadeltaSpec,
    AdagradSpec,
    AdamaxSpec,
    AdamSpec,
    AdamWSpec,
    BatchNormSpec,
    ConstantSchedule,
    CosineRestartsSchedule,
    CosineSchedule,
    Coslog4Schedule,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    ExponentialSchedule,
    FlatCosSchedule,
    LayerNormSpec,
    LbfgsSpec,
    MultistepSchedule,
    NadamSpec,
    NetworkSpec,
    OneCycleSchedule,
    Optimizer,
    OutputSpec,
    PolynomialSchedule,
    Precision,
    ReduceOnPlateauSchedule,
    RmspropSpec,
    Schedule,
    SgdSpec,
    StepSchedule,
)
from workers.engine.training import TrainingData, TrainingState, train

if TYPE_CHECKING:
    from collections.abc import Callable

EPOCHS, ROWS, BATCH = 5, 100, 16
OPTIMIZERS: list[Optimizer] = [
    SgdSpec(),
    SgdSpec(momentum=0.9, nesterov=True),
    AdamSpec(),
    AdamWSpec(),
    RmspropSpec(momentum=0.9, centered=True),
    AdagradSpec(),
    AdadeltaSpec(),
    AdamaxSpec(),
    NadamSpec(),
    LbfgsSpec(history=3),
]
SCHEDULES: list[Schedule | None] = [
    None,
    ConstantSchedule(warmup_steps=5),
    StepSchedule(every=2),
    MultistepSchedule(milestones=(1, 3)),
    ExponentialSchedule(),
    CosineSchedule(),
    CosineRestartsSchedule(period=1, multiplier=2),
    OneCycleSchedule(),
    PolynomialSchedule(warmup_steps=3),
    ReduceOnPlateauSchedule(patience=1, threshold=0.9),
    Coslog4Schedule(),
    FlatCosSchedule(),
]
FEATURES: dict[str, dict[str, Any]] = {
    "nothing more": {},
    "clipping": {"clip_norm": 0.5, "clip_value": 0.2},
    "accumulation": {"accumulate": 3},
    "average": {"ema_decay": 0.9},
    "average of the best": {"ema_decay": 0.9, "early_stopping": EarlyStoppingSpec(patience=3)},
    "best by accuracy": {"early_stopping": EarlyStoppingSpec(monitor="val_accuracy", patience=2)},
    "in order": {"shuffle": False},
    "all": {
        "clip_norm": 0.5,
        "accumulate": 2,
        "ema_decay": 0.8,
        "early_stopping": EarlyStoppingSpec(monitor="val_accuracy", patience=3),
    },
}
LAYERS = (
    DenseSpec(units=6, activation="prelu", l1=1e-3, l2=1e-2),
    BatchNormSpec(),
    DropoutSpec(rate=0.2),
    DenseSpec(units=5, activation="gelu", max_norm=1.0),
    LayerNormSpec(),
)
SMOOTH = (DenseSpec(units=6, activation="silu", l1=1e-3, l2=1e-2), DropoutSpec(rate=0.2))


def test_every_optimiser_and_every_schedule_has_a_case() -> None:
    optimizers = {member.type for member in get_args(get_args(Optimizer)[0])}
    schedules = {member.type for member in get_args(get_args(Schedule)[0])}
    assert {optimizer.type for optimizer in OPTIMIZERS} == optimizers
    assert {schedule.type for schedule in SCHEDULES if schedule} == schedules


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.type)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: s.type if s else "none")
def test_every_optimiser_goes_on_with_every_schedule(
    optimizer: Optimizer, schedule: Schedule | None
) -> None:
    _goes_on_with_the_same_bits(optimizer, {"schedule": schedule}, "float32")


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.type)
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_optimiser_goes_on_with_every_feature(
    optimizer: Optimizer, feature: str, precision: Precision
) -> None:
    fields = dict(FEATURES[feature])
    if isinstance(optimizer, LbfgsSpec):
        fields.pop("clip_norm", None)
        fields.pop("clip_value", None)
    _goes_on_with_the_same_bits(optimizer, fields, precision)


def _goes_on_with_the_same_bits(
    optimizer: Optimizer, fields: dict[str, Any], precision: Precision
) -> None:
    """Cut at a yield drawn at random, within an epoch or at its end; go on from plain parts."""
    batch_size = ROWS if isinstance(optimizer, LbfgsSpec) else BATCH
    spec = problems.classifier(
        epochs=EPOCHS, batch_size=batch_size, optimizer=optimizer, precision=precision, **fields
    )
    network, data, seed = _network(optimizer), _data(), 3
    undisturbed = TrainingState.initial(network, spec, seed)
    yields = [p.step for p in train(network, undisturbed, data, spec, seed, clock=_ticking())]
    assert undisturbed.stop_reason in ("max_epochs", "early_stopping")
    drawn = np.random.default_rng(len(str(spec)))
    cut = int(drawn.integers(len(yields)))

    state = TrainingState.initial(network, spec, seed)
    training = train(network, state, data, spec, seed, clock=_ticking())
    for _ in range(cut + 1):
        next(training)
    scalars = json.loads(json.dumps(state.scalars()))
    back = TrainingState.from_parts(state.arrays(), scalars)
    for _ in train(network, back, data, spec, seed):
        pass
    assert digest(back) == digest(undisturbed)
    assert back.final_parameters(spec).tobytes() == undisturbed.final_parameters(spec).tobytes()


def _network(optimizer: Optimizer) -> Network:
    layers = SMOOTH if isinstance(optimizer, LbfgsSpec) else LAYERS
    return Network(
        NetworkSpec(layers=layers, output=OutputSpec(l2=1e-3), skip=True),
        n_inputs=4,
        n_outputs=3,
        output_activation="softmax",
    )


def _data() -> TrainingData:
    data = problems.classes(n_rows=ROWS)
    labels: Any = data.y_validation
    return TrainingData(
        data.X,
        data.y,
        data.X_validation,
        labels,
        weights=np.random.default_rng(0).uniform(0.5, 2.0, ROWS),
        measure=lambda p: {"val_accuracy": float((p.argmax(axis=1) == labels).mean())},
    )


def digest(state: TrainingState) -> str:
    found = hashlib.sha256(json.dumps(state.scalars(), sort_keys=True).encode())
    for name, array in sorted(state.arrays().items()):
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()


def _ticking() -> Callable[[], float]:
    """A clock by which every step takes a second: a yield after each."""
    ticks = count()
    return lambda: float(next(ticks))
