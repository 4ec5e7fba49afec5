"""The lease of a run: how long it is trusted, and what happens when it is not confirmed."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from service.clock import SystemClock
from service.errors import LeaseLostError, UnavailableError
from service.usecases.claims import Claim, Orders
from workers import stall
from workers.heartbeat import EXIT_STALLED, EXIT_STUCK, Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.usecases.claims import NewEvent
    from service.usecases.leases import Leases

LEASE_S = 0.3
NOTHING = Orders(requested=None, drain=False, overdue=False)
CLAIM = cast("Claim", SimpleNamespace(run_id="run_x", fence=7))


class ScriptedLeases:
    """Answers heartbeats as the test says at the time, and remembers when they came."""

    def __init__(self, answer: Callable[[], Orders]) -> None:
        self.answer = answer
        self.beats_s: list[float] = []
        self.told: list[NewEvent] = []

    def tell(self, run_id: str, fence: int, events: Sequence[NewEvent]) -> None:
        assert (run_id, fence) == ("run_x", 7)
        self.told += events

    def heartbeat(self, run_id: str, fence: int) -> Orders:
        assert (run_id, fence) == ("run_x", 7)
        self.beats_s.append(time.monotonic())
        return self.answer()


def away() -> Orders:
    raise UnavailableError("database")


def lost() -> Orders:
    raise LeaseLostError("run_x", 7)


def heartbeat_on(leases: ScriptedLeases, **options: Any) -> Heartbeat:
    return Heartbeat(
        cast("Leases", leases),
        CLAIM,
        claimed_s=time.monotonic(),
        lease_s=LEASE_S,
        clock=SystemClock(),
        **options,
    )


def await_that(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 5.0
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.002)


def test_orders_arrive_with_a_heartbeat() -> None:
    cancel = Orders(requested="cancel", drain=False, overdue=False)
    with heartbeat_on(ScriptedLeases(lambda: cancel)) as heartbeat:
        assert heartbeat.orders() is None
        await_that(lambda: heartbeat.orders() == cancel)


def test_a_lease_is_prolonged_three_times_in_its_length() -> None:
    leases = ScriptedLeases(lambda: NOTHING)
    with heartbeat_on(leases):
        await_that(lambda: len(leases.beats_s) == 6)
    pauses = [later - earlier for earlier, later in pairwise(leases.beats_s)]
    assert min(pauses) >= LEASE_S / 3
    assert sorted(pauses)[len(pauses) // 2] < LEASE_S / 2


def test_a_lost_lease_is_said_to_the_training() -> None:
    leases = ScriptedLeases(lost)
    with heartbeat_on(leases) as heartbeat:
        await_that(lambda: len(leases.beats_s) == 1)
        with pytest.raises(LeaseLostError):
            await_that(lambda: heartbeat.orders() is not None)


def test_training_waits_while_its_lease_is_in_doubt_and_goes_on_once_it_is_confirmed() -> None:
    leases = ScriptedLeases(away)
    with heartbeat_on(leases) as heartbeat:
        await_that(lambda: len(leases.beats_s) >= 3)
        threading.Timer(0.2, lambda: setattr(leases, "answer", lambda: NOTHING)).start()
        began_s = time.monotonic()
        assert heartbeat.orders() == NOTHING
        assert time.monotonic() - began_s >= 0.15


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_heartbeat_that_died_of_a_defect_loses_the_lease() -> None:
    def defect() -> Orders:
        raise ZeroDivisionError

    with heartbeat_on(ScriptedLeases(defect)) as heartbeat, pytest.raises(LeaseLostError):
        await_that(lambda: heartbeat.orders() is not None)


def test_a_call_is_repeated_while_the_database_is_away() -> None:
    away_for = iter(range(2))

    def write() -> str:
        if next(away_for, None) is not None:
            away()
        return "written"

    with heartbeat_on(ScriptedLeases(lambda: NOTHING)) as heartbeat:
        assert heartbeat.insist(write) == "written"


def test_a_call_is_not_repeated_once_the_run_is_anothers() -> None:
    with heartbeat_on(ScriptedLeases(lost)) as heartbeat, pytest.raises(LeaseLostError):
        heartbeat.insist(away)


def test_a_process_that_hangs_in_the_database_past_its_lease_is_ended() -> None:
    hung, codes = threading.Event(), []

    def hang() -> Orders:
        hung.wait(10.0)
        return NOTHING

    def end(code: int) -> None:
        codes.append(code)
        hung.set()

    began_s = time.monotonic()
    with heartbeat_on(ScriptedLeases(hang), exit_process=end):
        await_that(lambda: bool(codes))
    assert codes == [EXIT_STUCK]
    assert time.monotonic() - began_s > 2 * LEASE_S


def test_a_process_that_merely_waits_for_the_database_is_not_ended() -> None:
    codes: list[int] = []
    leases = ScriptedLeases(away)
    with heartbeat_on(leases, exit_process=codes.append):
        time.sleep(4 * LEASE_S)
    assert codes == []


def test_a_training_that_does_no_step_is_ended_with_an_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stall, "PATIENCE_S", 3 * LEASE_S)
    leases, codes = ScriptedLeases(lambda: NOTHING), list[int]()
    with heartbeat_on(leases, exit_process=codes.append) as heartbeat:
        for _ in range(5):
            heartbeat.orders()
        began_s = time.monotonic()
        await_that(lambda: bool(codes))
        assert time.monotonic() - began_s >= 3 * LEASE_S
    assert codes == [EXIT_STALLED]
    [event] = leases.told
    assert (event.type, event.level, event.data["code"]) == ("log", "error", "stalled")


def test_a_training_that_goes_on_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stall, "PATIENCE_S", LEASE_S)
    leases, codes = ScriptedLeases(lambda: NOTHING), list[int]()
    with heartbeat_on(leases, exit_process=codes.append) as heartbeat:
        end_s = time.monotonic() + 4 * LEASE_S
        await_that(lambda: heartbeat.orders() is not None and time.monotonic() > end_s)
    assert (codes, leases.told) == ([], [])
