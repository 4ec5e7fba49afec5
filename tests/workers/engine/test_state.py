"""The state as parts: nothing of it is lost on the way through a checkpoint."""

from __future__ import annotations

import json

import numpy as np

from tests.workers.engine import problems
from workers.engine.spec import (
    AdamSpec,
    EarlyStoppingSpec,
    MseSpec,
    SoftmaxCrossEntropySpec,
    TrainingSpec,
)
from workers.engine.state import Divergence, TrainingState

SPEC = TrainingSpec(
    epochs=3,
    batch_size=32,
    loss=SoftmaxCrossEntropySpec(),
    optimizer=AdamSpec(),
    early_stopping=EarlyStoppingSpec(),
)


def test_a_state_comes_back_from_its_parts() -> None:
    state, _ = problems.run_to_end(
        problems.network((4, 5, 3), output="softmax"), problems.classes(), SPEC
    )
    scalars = json.loads(json.dumps(state.scalars()))
    back = TrainingState.from_parts(state.arrays(), scalars)
    assert back.scalars() == state.scalars()
    assert back.arrays().keys() == state.arrays().keys()
    assert {"parameters", "epoch_parameters", "best_parameters", "slots.m", "slots.v"} == set(
        back.arrays()
    )
    for name, array in state.arrays().items():
        np.testing.assert_array_equal(back.arrays()[name], array)
        assert back.arrays()[name] is not array


def test_a_divergence_comes_back_too() -> None:
    spec = TrainingSpec(epochs=1, batch_size=4, loss=MseSpec())
    state = TrainingState.initial(problems.network((2, 1)), spec, seed=0)
    state.step = 17
    state.diverge("layers.0.weight", 2.5)
    back = TrainingState.from_parts(state.arrays(), state.scalars())
    assert back.divergence == Divergence(epoch=1, step=17, tensor="layers.0.weight", norm=2.5)
    assert back.stop_reason == "diverged"


def test_slots_start_at_zero_in_the_precision_of_the_run() -> None:
    state = TrainingState.initial(problems.network((4, 5, 3)), SPEC, seed=0)
    assert set(state.slots) == {"m", "v"}
    assert all(not slot.any() and slot.dtype == np.float32 for slot in state.slots.values())
