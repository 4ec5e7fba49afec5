"""SIGTERM to a process that trains."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.workers.attempts import LONG, Looks, create, train
from workers.termination import Termination

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.usecases.world import World


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """How often this process would have ended."""
    heard: list[int] = []
    usual = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    yield heard
    signal.signal(signal.SIGTERM, usual)


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_process_ends_after_what_it_was_about(ends: list[int]) -> None:
    termination = Termination()
    with termination.postponed():
        assert not termination.is_wanted
        terminate()
        terminate()
        assert (termination.is_wanted, ends) == (True, [])
    assert ends == [signal.SIGTERM]


def test_an_idle_process_ends_at_once_and_one_that_was_not_told_to_goes_on(
    ends: list[int],
) -> None:
    termination = Termination()
    with termination.postponed():
        pass
    assert (termination.is_wanted, ends) == (False, [])
    terminate()
    assert ends == [signal.SIGTERM]


def test_a_training_is_put_away_before_its_process_ends(world: World, ends: list[int]) -> None:
    termination = Termination()
    run_id = create(world, **LONG)
    told = Looks(20, terminate)

    def is_draining() -> Any:
        told()
        return termination.is_wanted

    with termination.postponed():
        run = train(world, run_id, is_draining)
        assert ends == []
    assert ends == [signal.SIGTERM]
    assert (run.status, run.status_history[-1].reason) == ("queued", "drained")
    assert world.row(run_id).crashes_total == 0
