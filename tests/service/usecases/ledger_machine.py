"""The run ledger as a state machine that Hypothesis drives, beside a model too plain to err."""

from __future__ import annotations

from contextlib import contextmanager
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
from tests.service.usecases.ledger_model import (
    ENDINGS,
    STRENGTH,
    Expected,
    Holder,
    check_moves,
    part_of,
    values_of,
)
from tests.service.usecases.world import RememberingBroker, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import DataObject

    from service.store.db import Sessions
    from service.usecases.claims import Outcome

# Few runs at once, so that two holders of one of them meet: that is what there is to find.
MAX_OPEN = 2


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

    @precondition(lambda self: self._n_open() < MAX_OPEN)
    @rule(data=st.data())
    def go_on_from_a_checkpoint(self, data: DataObject) -> None:
        run_id, expected = self._draw(data)
        saved = self.world.runs.checkpoints(self.world.project_id, run_id).data
        if not saved:
            return
        of_step = {checkpoint.step: checkpoint.id for checkpoint in saved}
        step = data.draw(st.sampled_from(sorted(of_step)))
        parent = {"checkpoint_id": of_step[step], "mode": "continue"}
        known = {epoch: value for epoch, value in expected.values.items() if epoch <= step}
        self.expected[self.world.create(parent=parent).id] = Expected(step=step, values=known)

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
        assert claim.requested == expected.requested
        expected.status, expected.fence, expected.is_expired = "running", claim.fence, False
        expected.attempts += 1
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
            part = part_of(epoch, value, saves=saves)
            self.world.leases.record(holder.run_id, holder.fence, part)
            self.expected[holder.run_id].progress(epoch, value)

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
            is_cancelled = expected.requested == "cancel"
            expected.end("cancelled" if is_cancelled else ending.status)
            expected.ending = ending

    @rule(holder=holders, epoch=st.integers(1, 5), value=st.floats(0.0, 9.0))
    def release(self, holder: Holder, epoch: int, value: float) -> None:
        with self._only_while_held(holder):
            part = part_of(epoch, value, saves=True)
            self.world.leases.release(holder.run_id, holder.fence, part)
            expected = self.expected[holder.run_id]
            expected.progress(epoch, value)
            expected.leave()

    @rule(holder=holders, epoch=st.integers(1, 5), value=st.floats(0.0, 9.0))
    def put_aside(self, holder: Holder, epoch: int, value: float) -> None:
        with self._only_while_held(holder):
            part = part_of(epoch, value, saves=True)
            self.world.leases.pause(holder.run_id, holder.fence, part)
            expected = self.expected[holder.run_id]
            expected.progress(epoch, value)
            expected.leave()

    @rule(data=st.data())
    def pause(self, data: DataObject) -> None:
        run_id, expected = self._draw(data)
        with self._unless_too_late(expected, "pause"):
            self.world.runs.pause(self.world.project_id, run_id)
            if expected.status == "running":
                expected.requested = "pause"
            else:
                expected.status = "paused"

    @rule(data=st.data())
    def resume(self, data: DataObject) -> None:
        run_id, expected = self._draw(data)
        with self._unless_too_late(expected):
            self.world.runs.resume(self.world.project_id, run_id)
            if expected.status == "paused":
                expected.status = "queued"
            elif expected.requested == "pause":
                expected.requested = None

    @rule(data=st.data())
    def stop(self, data: DataObject) -> None:
        run_id, expected = self._draw(data)
        if expected.status == "stopped" or expected.stopped_idle:
            self.world.runs.stop(self.world.project_id, run_id)
            return
        with self._unless_too_late(expected, "stop"):
            self.world.runs.stop(self.world.project_id, run_id)
            if expected.status == "running":
                expected.requested = "stop"
            elif expected.has_trained:
                expected.status, expected.requested = "queued", "stop"
            else:
                expected.end("cancelled")
                expected.stopped_idle = True

    @rule(data=st.data())
    def cancel(self, data: DataObject) -> None:
        run_id, expected = self._draw(data)
        if expected.status == "cancelled":
            self.world.runs.cancel(self.world.project_id, run_id)
            return
        with self._unless_too_late(expected, "cancel"):
            self.world.runs.cancel(self.world.project_id, run_id)
            if expected.status == "running":
                expected.requested = "cancel"
            else:
                expected.end("cancelled")

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
                expected.reap()
            if expected.status in ("queued", "paused") and expected.is_overdue:
                expected.end("failed")

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        with self.world.sessions.read() as session:
            rows = {row.id: row for row in session.scalars(select(RunRow))}
            values = values_of(session.scalars(select(EpochRow)).all())
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
            check_moves(story, expected.status)

    def _n_open(self) -> int:
        return sum(expected.status not in TERMINAL for expected in self.expected.values())

    def _draw(self, data: DataObject) -> tuple[str, Expected]:
        # In the order they were made: ids of the same millisecond sort otherwise each time.
        ended = [run_id for run_id, e in self.expected.items() if e.status in TERMINAL]
        unended = [run_id for run_id in self.expected if run_id not in ended]
        run_id = data.draw(st.sampled_from([*unended, *unended, *ended[-1:]]))
        return run_id, self.expected[run_id]

    @contextmanager
    def _only_while_held(self, holder: Holder) -> Iterator[None]:
        expected = self.expected[holder.run_id]
        if expected.status == "running" and expected.fence == holder.fence:
            yield
            return
        with pytest.raises(LeaseLostError):
            yield

    @contextmanager
    def _unless_too_late(self, expected: Expected, wish: str | None = None) -> Iterator[None]:
        """A run that has ended is past all wishes, and one that is to be ended past weaker ones."""
        is_weaker = wish is not None and STRENGTH[expected.requested] > STRENGTH[wish]
        if expected.status not in TERMINAL and not is_weaker:
            yield
            return
        with pytest.raises(ConflictError):
            yield
