"""What is said of time, and from which numbers."""

from __future__ import annotations

import json
from dataclasses import astuple, replace

import pytest

from tests.workers.engine import problems
from workers.engine.kernels.chunk import CHUNKED
from workers.engine.spec import AdadeltaSpec, AdamSpec, MseSpec, TrainingSpec
from workers.engine.speed import Speed, measure, seconds_per_epoch

SPEED = Speed(flops_per_s=1e11, step_s=1e-6, call_s=1e-5, epoch_s=1e-4)
SPEC = TrainingSpec(epochs=1, batch_size=32, loss=MseSpec())


def test_time_grows_with_rows_and_with_weights() -> None:
    small, large = problems.network((10, 16, 1)), problems.network((10, 512, 512, 1))
    once, twice = (seconds_per_epoch(small, SPEC, rows, SPEED) for rows in (3_200, 6_400))
    assert twice - SPEED.epoch_s == pytest.approx(2.0 * (once - SPEED.epoch_s))
    assert seconds_per_epoch(large, SPEC, 3_200, SPEED) > 10.0 * once


def test_an_epoch_takes_its_own_time_and_a_step_a_call_for_each_layer() -> None:
    network = problems.network((10, 16, 1))
    base = seconds_per_epoch(network, SPEC, 320, SPEED)
    slower = replace(SPEED, step_s=3e-6, epoch_s=2e-4)
    assert seconds_per_epoch(network, SPEC, 320, slower) - base == pytest.approx(
        10 * 3 * 2e-6 + 1e-4
    )


def test_what_no_chunk_covers_pays_the_calls_of_each_operation() -> None:
    network = problems.network((10, 16, 1))
    adam, adadelta = (
        seconds_per_epoch(network, replace(SPEC, optimizer=optimizer), 320, SPEED)
        for optimizer in (AdamSpec(), AdadeltaSpec())
    )
    assert adadelta - adam > 10 * 3 * (SPEED.call_s - SPEED.step_s)


def test_validation_rows_cost_less_than_rows_that_train() -> None:
    network = problems.network((10, 512, 1))
    without = seconds_per_epoch(network, SPEC, 3_200, SPEED)
    validated = seconds_per_epoch(network, SPEC, 3_200, SPEED, n_validation=3_200)
    assert without < validated < 2.0 * without


def test_twice_the_width_of_numbers_takes_twice_the_work() -> None:
    network = problems.network((10, 512, 512, 1))
    idle = replace(SPEED, step_s=0.0, epoch_s=0.0)
    single = seconds_per_epoch(network, SPEC, 320, idle)
    double = seconds_per_epoch(network, replace(SPEC, precision="float64"), 320, idle)
    assert double == pytest.approx(2.0 * single)


def test_a_machine_is_measured() -> None:
    found = measure(CHUNKED)
    assert found.flops_per_s > 1e8
    assert all(seconds >= 0.0 for seconds in astuple(found)[1:])
    # A step op by op makes a call for every operation, a chunk one for many steps.
    assert found.call_s > found.step_s


def test_speed_is_plain_data_to_those_who_have_no_kernels() -> None:
    sent = json.loads(json.dumps(SPEED.to_plain()))
    assert Speed.from_plain(sent) == SPEED
    assert Speed.from_plain({"flops_per_s": 1e11}) is None
