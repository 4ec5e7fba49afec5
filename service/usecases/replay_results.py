"""Results of replays: what came out again, bit for bit, and the first thing that did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from service.schemas.runs import Difference, Replay
from service.store.tables import CheckpointRow, EventRow, RunRow
from service.usecases import journal, metrics, parents
from service.usecases.claims import NewEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from service.usecases.claims import Outcome
    from service.usecases.metrics import Stored


def compare(session: Session, row: RunRow, outcome: Outcome) -> None:
    """Write down, before a repetition ends, how it compares with what it repeats."""
    replay = _compared(session, row, outcome)
    row.replay = replay.model_dump()
    session.flush()
    journal.append(session, row.id, [_event(replay)])


def _compared(session: Session, row: RunRow, outcome: Outcome) -> Replay:
    replay = Replay.model_validate(row.replay)
    original = session.get(RunRow, replay.of)
    if original is None:
        return replay.model_copy(update={"reason": "The run that it repeats was deleted."})
    difference = _first_difference(session, original, row, outcome)
    is_whole = _came_as_far(original, outcome)
    remarks = list(_remarks(session, original, row, is_whole=is_whole))
    return replay.model_copy(
        update={
            "identical": False if difference else (True if is_whole else None),
            "first_difference": difference,
            "reason": " ".join(remarks) or None,
        }
    )


def _came_as_far(original: RunRow, outcome: Outcome) -> bool:
    if original.stop_reason == "diverged":
        return outcome.stop_reason == "diverged"
    return outcome.status == "succeeded"


def _first_difference(
    session: Session, original: RunRow, row: RunRow, outcome: Outcome
) -> Difference | None:
    recorded = metrics.of_run(session, original.id)
    replayed = metrics.of_run(session, row.id)
    last = original.epoch if outcome.status == "succeeded" else row.epoch
    steps = _Steps(session, row)
    for epoch in range(1, last + 1):
        for name, one, other in _pairs(recorded.get(epoch, {}), replayed.get(epoch, {})):
            if repr(one) != repr(other):
                return steps.difference(epoch, name, one, other)
    weights = (original.weights_sha256, outcome.weights_sha256)
    if None in weights or weights[0] == weights[1]:
        return None
    return steps.difference(last, "weights_sha256", *weights)


def _pairs(
    recorded: dict[str, Stored], replayed: dict[str, Stored]
) -> Iterator[tuple[str, Stored | None, Stored | None]]:
    for name in sorted(recorded.keys() | replayed.keys()):
        yield name, recorded.get(name), replayed.get(name)


class _Steps:
    """Where in its steps a repetition's epochs end."""

    def __init__(self, session: Session, row: RunRow) -> None:
        kept = (CheckpointRow.run_id == row.id, CheckpointRow.kind == parents.KIND)
        at = session.scalar(select(CheckpointRow).where(*kept))
        goes_on = at is not None and at.state_sha256 is not None
        self._first = at.step if at is not None and goes_on else 0
        # Every epoch has as many; one that ended within an epoch does not tell how many.
        is_whole = row.epoch > 0 and row.step % row.epoch == 0
        self._per_epoch = row.step // row.epoch if is_whole else None

    def difference(
        self, epoch: int, name: str, recorded: float | str | None, replayed: float | str | None
    ) -> Difference:
        per_epoch = self._per_epoch
        return Difference(
            epoch=epoch,
            step=None if per_epoch is None else epoch * per_epoch,
            last_equal_step=self._first
            if per_epoch is None
            else max(self._first, (epoch - 1) * per_epoch),
            name=name,
            recorded=recorded,
            replayed=replayed,
        )


def _remarks(session: Session, original: RunRow, row: RunRow, *, is_whole: bool) -> Iterator[str]:
    if not is_whole:
        yield "It ended before it had come as far as the run that it repeats."
    elif original.weights_sha256 is None:
        yield "The run ended without final weights: its metrics alone are compared."
    if _has_other_numerics(session, original, row):
        yield "It was computed with other numerics, whose bits may differ."
    if not original.reproducible:
        yield "The run itself changed its numerics, or did not repeat itself, on its way."


def _has_other_numerics(session: Session, original: RunRow, row: RunRow) -> bool:
    # The fingerprint that it was given, to find a worker like the first, is kept if it finds none.
    told = select(EventRow.data).where(EventRow.run_id == row.id, EventRow.type == "log")
    codes = {data.get("code") for data in session.scalars(told)}
    return "numerics_changed" in codes or original.numerics != row.numerics


def _event(replay: Replay) -> NewEvent:
    if replay.identical:
        return NewEvent("log", "Bit for bit the same.", data={"code": "replay_identical"})
    first = replay.first_difference
    if first is None:
        message = replay.reason or "It cannot be compared."
        return NewEvent("log", message, level="warning", data={"code": "replay_incomparable"})
    return NewEvent(
        "log",
        f"{first.name} of epoch {first.epoch} came out otherwise than it was recorded.",
        level="warning",
        data={"code": "replay_differs", **first.model_dump()},
    )
