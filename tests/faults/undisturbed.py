"""A run that nothing happened to, and what every other run of the same kind must be like."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from service.schemas.runs import TERMINAL
from service.store.blobs import Blobs
from service.store.tables import DatasetRow, EventRow, RunRow
from tests.chaos.judge import Trial
from tests.chaos.reference import train_undisturbed

if TYPE_CHECKING:
    from tests.faults.service import FaultyService


class Undisturbed:
    """A run through the service, and the same training in this process, by the libraries alone."""

    def __init__(self, service: FaultyService) -> None:
        self._service = service
        self.dataset_id = service.upload()
        run_id = service.start_run(self.dataset_id)
        self.run = service.await_run(run_id, "succeeded", "failed")
        self.metrics = service.metrics(run_id)
        with service.sessions.read() as session:
            dataset = session.get_one(DatasetRow, self.dataset_id)
            data = Blobs().get(session, str(dataset.blob_sha256))
        self.reference = train_undisturbed(self.run["spec"], data)

    def check(self, run_id: str, *, faults: int) -> dict[str, Any]:
        """Await the end of a run; check that it is as if nothing had happened. Return it."""
        run = self._service.await_run(run_id, *TERMINAL)
        self.check_ledger(run_id, faults=faults)
        return run

    def check_ledger(self, run_id: str, *, faults: int) -> None:
        """Check the invariants of every fault for a run that has ended.

        It ended once and well, with the bits of the reference in its weights and curves, nothing
        twice, no gap in its story, not one write of a holder whose run was another's by then, and
        no more attempts than faults explain.
        """
        with self._service.sessions.read() as session:
            row = session.get_one(RunRow, run_id)
            assert list(Trial(session, row, self.reference).violations(faults)) == []
            story = select(EventRow.fence).where(EventRow.run_id == run_id)
            fences = list(session.scalars(story.order_by(EventRow.seq)))
        assert all(earlier <= later for earlier, later in pairwise(fences))
