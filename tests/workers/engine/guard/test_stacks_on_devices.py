"""Stacked members on another device: each with what it would have trained alone there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.workers.engine.guard.catalogue import CASES
from tests.workers.engine.guard.devices import DEVICES
from tests.workers.engine.guard.kernels import Transfers, guard_kernels
from workers.engine.problem import Problem
from workers.engine.stacked import train_stacked
from workers.engine.training import TrainingState, train

NAMES = ["everything", "loss-softmax_cross_entropy", "optimizer-adamw", "activation-prelu", "ema"]
SEEDS = (3, 2**40 + 1, 7)


def _problems(name: str, device: str) -> list[Problem]:
    case, kernels = CASES[name], DEVICES[device]()
    network, data = case.network(), case.data()
    return [
        Problem(network, data, replace(case.training, epochs=2 + member), seed, kernels)
        for member, seed in enumerate(SEEDS)
    ]


def _initial(problems: list[Problem]) -> list[TrainingState]:
    return [TrainingState.initial(one.network, one.spec, one.seed) for one in problems]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("device", DEVICES)
def test_a_member_trains_as_it_would_alone(device: str, name: str) -> None:
    problems = _problems(name, device)
    stacked, alone = _initial(problems), _initial(problems)
    for _ in train_stacked(problems, stacked):
        pass
    for one, state, twin in zip(problems, alone, stacked, strict=True):
        steps = train(one.network, state, one.data, one.spec, one.seed, kernels=one.kernels)
        for _ in steps:
            pass
        assert (twin.epoch, twin.stop_reason) == (state.epoch, state.stop_reason)
        for key, array in state.arrays().items():
            found = twin.arrays()[key]
            np.testing.assert_allclose(found, array, 1e-12, 1e-12, err_msg=key)


def test_members_on_the_guard_have_the_bits_of_their_own_runs() -> None:
    kernels = guard_kernels(Transfers())
    problems = [replace(one, kernels=kernels) for one in _problems("everything", "guard")]
    stacked = _initial(problems)
    list(train_stacked(problems, stacked))
    for one, twin in zip(problems, stacked, strict=True):
        state = TrainingState.initial(one.network, one.spec, one.seed)
        list(train(one.network, state, one.data, one.spec, one.seed, kernels=kernels))
        assert twin.arrays()["parameters"].tobytes() == state.arrays()["parameters"].tobytes()
