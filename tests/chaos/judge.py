"""What must hold for every accepted run once the storm is over, whatever happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from service.schemas.runs import TERMINAL
from service.store.tables import EventRow, ModelRow, RunRow
from service.usecases.curves import curves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from service.store.db import Sessions
    from tests.chaos.load import Wish
    from tests.chaos.reference import Reference


@dataclass(frozen=True)
class Verdict:
    """What became of the runs; `violations` says of each what it is not."""

    runs: int
    lost: int
    duplicates: int
    identical: int
    attempts: tuple[int, ...]
    crashes: int
    violations: tuple[str, ...]


def judge(
    sessions: Sessions,
    wishes: Sequence[Wish],
    references: Mapping[str, Reference],
    n_faults: int,
) -> Verdict:
    """Compare every run with what an undisturbed one comes to: in the ledger itself."""
    with sessions.read() as session:
        rows = {row.id: row for row in session.scalars(select(RunRow))}
        trials = [
            Trial(session, rows[wish.run_id], references[wish.training])
            for wish in wishes
            if wish.run_id in rows
        ]
        strangers = set(rows) - {wish.run_id for wish in wishes}
        violations = [f"{run_id}: nobody was told of it" for run_id in strangers]
        violations += [
            f"{wish.run_id}: accepted, and not in the ledger"
            for wish in wishes
            if wish.run_id is not None and wish.run_id not in rows
        ]
        violations += [f"{w.key}: never accepted" for w in wishes if w.run_id is None]
        for trial in trials:
            violations += trial.violations(n_faults)
        return Verdict(
            runs=sum(wish.run_id is not None for wish in wishes),
            lost=sum(wish.run_id not in rows for wish in wishes if wish.run_id is not None)
            + sum(not trial.is_over for trial in trials),
            duplicates=len(strangers) + sum(trial.n_duplicates for trial in trials),
            identical=sum(trial.is_identical for trial in trials),
            attempts=tuple(sorted(row.attempt for row in rows.values())),
            crashes=sum(row.crashes_total for row in rows.values()),
            violations=tuple(violations),
        )


class Trial:
    """One run, with all that the ledger has of it."""

    def __init__(self, session: Session, row: RunRow, reference: Reference) -> None:
        self._row = row
        self._reference = reference
        of_run = EventRow.run_id == row.id
        self._events = list(session.scalars(select(EventRow).where(of_run).order_by(EventRow.seq)))
        self._curves = curves(session, row.id, None)
        models = select(func.count()).where(ModelRow.run_id == row.id)
        self._n_models = session.scalar(models) or 0

    @property
    def is_over(self) -> bool:
        return self._row.status in TERMINAL

    @property
    def is_identical(self) -> bool:
        """Whether weights and curves have the bits of the undisturbed training."""
        same_weights = self._row.weights_sha256 == self._reference.weights_sha256
        return same_weights and self._curves.series == self._reference.curves

    @property
    def n_duplicates(self) -> int:
        """How much there is twice: metrics, epochs, models, ends."""
        told, measured = self._epochs_completed(), self._curves.epochs
        twice = len(told) - len(set(told)) + len(measured) - len(set(measured))
        ends = sum(move["to"] in TERMINAL for move in self._moves())
        return twice + max(0, self._n_models - 1) + max(0, ends - 1)

    def violations(self, n_faults: int) -> Iterator[str]:
        """Say what is not as it must be."""
        checks = {
            "is not over": self.is_over,
            "did not succeed": self._row.status == "succeeded",
            "has other bits than undisturbed": self.is_identical,
            "has something twice": self.n_duplicates == 0,
            "has no model": self._n_models >= 1,
            "has gaps in its events": self._seqs() == list(range(1, self._row.event_seq + 1)),
            "has not every epoch in order": self._epochs_completed()
            == list(range(1, self._reference.epochs + 1)),
            "was not reproducible": self._row.reproducible,
            "has more attempts than claims": self._n_claims() == self._row.attempt,
            "has more attempts than faults": self._row.attempt <= n_faults + 1,
            "moved after its end": not self.is_over or self._events[-1].data.get("to") in TERMINAL,
        }
        for what, holds in checks.items():
            if not holds:
                yield f"{self._row.id}: {what} ({self._row.status}, {self._row.stop_reason})"

    def _seqs(self) -> list[int]:
        return [event.seq for event in self._events]

    def _epochs_completed(self) -> list[int]:
        return [e.data["epoch"] for e in self._events if e.type == "epoch.completed"]

    def _moves(self) -> list[dict[str, Any]]:
        return [event.data for event in self._events if event.type == "run.status_changed"]

    def _n_claims(self) -> int:
        return sum(move["to"] == "running" for move in self._moves())
