"""The run ledger as a state machine that Hypothesis drives, beside a model too plain to err."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy import delete, select

from service.errors import ConflictError, LeaseLostError
from service.schemas.runs import TERMINAL
from service.settings import Limits
from service.store.blobs import Blobs
from service.store.tables import Base, EpochRow, EventRow, RunRow
from service.usecases.claims import EpochMetrics, NewCheckpoint, Outcome, ProgressPart
from service.usecases.moves import ARROWS
from service.usecases.reconcile import CRASH_BUDGET
from tests.service.usecases.world import RememberingBroker, World

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hypothesis.strategies import DataObject

    from service.store.db import Sessions

# Few runs at once, so that two holders of one of them meet: that is what there is to find.
MAX_OPEN = 2

ENDINGS = (
    Outcome(status="succeeded", stop_reason="max_epochs"),
    Outcome(status="stopped", stop_reason="budget"),
    Outcome(status="failed", stop_reason="diverged", error="It diverged."),
    Outcome(status="cancelled", stop_reason="user_cancel"),
)


@dataclass(frozen=True)
class Holder:
    """Somebody who was given a run once, and does not know whether it is still theirs."""

    run_id: str
    fence: int


@dataclass
class Expected:
    """What must be true of a run."""

    status: str = "queued"
    fence: int = 0
    requested: str | None = None
    is_expired: bool = False
    is_overdue: bool = False
    crashes: int = 0
    step: int = 0
    values: dict[int, float] = field(default_factory=dict)
    """The first value written for each epoch."""
    ending: Outcome | None = None
    """With which outcome its holder ended it."""


class LedgerMachine(RuleBasedStateMachine):
    """Every rule in any order; who lost a run goes on acting as if nothing had happened."""

    holders: Bundle[Holder] = Bundle("holders")

    def __init__(self, sessions: Sessions) -> None:
        super().__init__()
        with sessions.begin() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(delete(table))
        limits = Limits.model_validate({})
        self.world = World(sessions, Blobs(), RememberingBroker(), limits)
        self.expected = {self.world.create().id: Expected()}

    @precondition(lambda self: self._n_open() < MAX_OPEN)
    @rule()
    def create(self) -> None:
        self.expected[self.world.create().id] = Expected()

    @rule(target=holders, data=st.data())
    def claim(self, data: DataObject) -> Holder | MultipleResults[Holder]:
        return self.take(*self._draw(data))

    @rule(target=holders, data=st.data())
    def take_over(self, data: DataObject) -> Holder | MultipleResults[Holder]:
        run_id, expected = self._draw(data)
        self.silence(run_id, expected)
        self.reconcile()
        return self.take(run_id, expected)

    def take(self, run_id: str, expected: Expected) -> Holder | MultipleResults[Holder]:
        self.world.shift(run_id, available_at=0.0)
        claim = self.world.leases.claim(run_id, "worker")
        is_free = expected.status == "queued" and not expected.is_overdue
        assert (claim is not None) == is_free, "a run is claimed when it waits, and once"
        if claim is None:
            return multiple()
        assert claim.fence > expected.fence, "a fence only grows"
        expected.status, expected.fence, expected.is_expired = "running", claim.fence, False
        return Holder(run_id, claim.fence)

    @rule(holder=holders)
    def heartbeat(self, holder: Holder) -> None:
        with self._only_while_held(holder):
            orders = self.world.leases.heartbeat(holder.run_id, holder.fence)
            expected = self.expected[holder.run_id]
            assert orders.requested == expected.requested
            assert orders.overdue == expected.is_overdue
            expected.is_expired = False

    @rule(holder=holders, epoch=st.integers(1, 5), value=st.floats(0.0, 9.0), saves=st.booleans())
    def record(self, holder: Holder, epoch: int, value: float, saves: bool) -> None:
        with self._only_while_held(holder):
            part = _part(epoch, value, saves=saves)
            self.world.leases.record(holder.run_id, holder.fence, part)
            self._progressed(holder.run_id, epoch, value)

    @rule(holder=holders, ending=st.sampled_from(ENDINGS))
    def finish(self, holder: Holder, ending: Outcome) -> None:
        expected = self.expected[holder.run_id]
        has_ended = expected.ending is not None and expected.fence == holder.fence
        if has_ended and (expected.ending is ending or expected.status == "cancelled"):
            # Its answer was lost, it thinks: the second time changes nothing and is no error.
            self.world.leases.finish(holder.run_id, holder.fence, ending)
            return
        with self._only_while_held(holder):
            self.world.leases.finish(holder.run_id, holder.fence, ending)
            # A cancellation that was asked for before the end is kept.
            self._end(expected, "cancelled" if expected.requested else ending.status)
            expected.ending = ending

    @rule(holder=holders, epoch=st.integers(1, 5), value=st.floats(0.0, 9.0))
    def release(self, holder: Holder, epoch: int, value: float) -> None:
        with self._only_while_held(holder):
            part = _part(epoch, value, saves=True)
            self.world.leases.release(holder.run_id, holder.fence, part)
            expected = self._progressed(holder.run_id, epoch, value)
            expected.fence += 1
            if expected.requested:
                self._end(expected, "cancelled")
            else:
                expected.status = "queued"

    @rule(data=st.data())
    def cancel(self, data: DataObject) -> None:
        run_id, expected = self._draw(data)
        if expected.status in TERMINAL - {"cancelled"}:
            with pytest.raises(ConflictError):
                self.world.runs.cancel(self.world.project_id, run_id)
            return
        self.world.runs.cancel(self.world.project_id, run_id)
        if expected.status == "running":
            expected.requested = "cancel"
        else:
            self._end(expected, "cancelled")

    @rule(data=st.data())
    def fall_silent(self, data: DataObject) -> None:
        self.silence(*self._draw(data))

    def silence(self, run_id: str, expected: Expected) -> None:
        if expected.status == "running":
            self.world.expire(run_id)
            expected.is_expired = True

    @rule(data=st.data())
    def pass_the_deadline(self, data: DataObject) -> None:
        run_id, expected = self._draw(data)
        self.world.shift(run_id, deadline_at=-1.0)
        expected.is_overdue = True

    @rule()
    def reconcile(self) -> None:
        reaped = self.world.reconciler.reconcile().reaped
        lost = [r for r, e in self.expected.items() if e.status == "running" and e.is_expired]
        assert sorted(reaped) == sorted(lost)
        for expected in self.expected.values():
            if expected.status == "running" and expected.is_expired:
                self._reap(expected)
            if expected.status == "queued" and expected.is_overdue:
                self._end(expected, "failed")

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        with self.world.sessions.read() as session:
            rows = {row.id: row for row in session.scalars(select(RunRow))}
            values = _values(session.scalars(select(EpochRow)).all())
        assert rows.keys() == self.expected.keys()
        for run_id, expected in self.expected.items():
            row = rows[run_id]
            said = (row.status, row.fence, row.requested, row.crashes_since_progress, row.step)
            assert said == (
                expected.status, expected.fence, expected.requested, expected.crashes,
                expected.step,
            )  # fmt: skip
            assert (row.lease_until is not None) == (row.status == "running"), "one holder or none"
            assert values.get(run_id, {}) == expected.values, "each epoch once, the first value"

    @invariant()
    def every_story_is_whole_and_legal(self) -> None:
        with self.world.sessions.read() as session:
            events = session.scalars(select(EventRow).order_by(EventRow.run_id, EventRow.seq)).all()
            counted = dict(session.execute(select(RunRow.id, RunRow.event_seq)).all())
        for run_id, expected in self.expected.items():
            story = [event for event in events if event.run_id == run_id]
            assert [event.seq for event in story] == list(range(1, counted[run_id] + 1))
            _check_moves(story, expected.status)

    def _n_open(self) -> int:
        return sum(expected.status not in TERMINAL for expected in self.expected.values())

    def _draw(self, data: DataObject) -> tuple[str, Expected]:
        # In the order they were made: ids of the same millisecond sort otherwise each time.
        run_id = data.draw(st.sampled_from(list(self.expected)[-MAX_OPEN:]))
        return run_id, self.expected[run_id]

    @contextmanager
    def _only_while_held(self, holder: Holder) -> Iterator[None]:
        expected = self.expected[holder.run_id]
        if expected.status == "running" and expected.fence == holder.fence:
            yield
            return
        with pytest.raises(LeaseLostError):
            yield

    def _progressed(self, run_id: str, epoch: int, value: float) -> Expected:
        expected = self.expected[run_id]
        expected.values.setdefault(epoch, value)
        if epoch > expected.step:
            expected.step, expected.crashes = epoch, 0
        expected.is_expired = False
        return expected

    def _reap(self, expected: Expected) -> None:
        expected.crashes += 1
        expected.fence += 1
        if expected.requested == "cancel":
            self._end(expected, "cancelled")
        elif expected.is_overdue or expected.crashes >= CRASH_BUDGET:
            self._end(expected, "failed")
        else:
            expected.status = "queued"

    def _end(self, expected: Expected, status: str) -> None:
        assert expected.status not in TERMINAL or expected.status == status
        expected.status, expected.requested = status, None


def _part(epoch: int, value: float, *, saves: bool) -> ProgressPart:
    saved = NewCheckpoint(kind="periodic", epoch=epoch, step=epoch, state=b"state %d" % epoch)
    return ProgressPart(
        epoch=epoch,
        step=epoch,
        trained_seconds=1.0,
        epochs=(EpochMetrics(epoch, {"train_loss": value}),),
        checkpoint=saved if saves else None,
    )


def _values(rows: Sequence[EpochRow]) -> dict[str, dict[int, float | None]]:
    values: dict[str, dict[int, float | None]] = {}
    for row in rows:
        values.setdefault(row.run_id, {})[row.epoch] = json.loads(row.metrics)["train_loss"]
    return values


def _check_moves(story: Sequence[EventRow], status: str) -> None:
    moves = [event for event in story if event.type == "run.status_changed"]
    assert moves[0].data["from"] is None
    for before, after in pairwise(moves):
        assert after.data["from"] == before.data["to"]
        assert after.data["to"] in ARROWS[after.data["from"]]
    assert moves[-1].data["to"] == status
    if status in TERMINAL:
        assert story[-1] is moves[-1], "nothing happens to a run that ended"
