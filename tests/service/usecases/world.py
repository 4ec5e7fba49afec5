"""What the tests of the use cases share: a project, a table, runs, and a look behind the scenes."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from service.ids import new_id
from service.schemas.runs import RunCreate
from service.store.broker import Broker, BrokerUnavailableError
from service.store.instants import db_now
from service.store.tables import DatasetRow, RunRow
from service.usecases.claims import EpochMetrics, NewCheckpoint, ProgressPart
from service.usecases.events import Events
from service.usecases.leases import Leases
from service.usecases.outages import Outages
from service.usecases.projects import Projects
from service.usecases.reconcile import Reconciler
from service.usecases.runs import Runs
from workers.tabular.profile import ColumnProfile, TableProfile

if TYPE_CHECKING:
    from service.schemas.events import Event
    from service.schemas.runs import Run
    from service.settings import Limits
    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.claims import Claim

LEASE_S = 15.0


class RememberingBroker(Broker):
    """Keeps the bells it was given instead of sending them."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.queues: dict[str, str] = {}
        self.canaries: list[str] = []
        self.n_hanging = 0
        self.is_away = False
        self._has_canary = True

    def ring(self, run_id: str, *, queue: str = "") -> None:
        self._answer()
        assert queue
        self.rung.append(run_id)
        self.queues[run_id] = queue

    def ring_canary(self, queue: str) -> None:
        self._answer()
        self.canaries.append(queue)

    def hanging(self, queue: str) -> int:
        self._answer()
        assert queue
        return self.n_hanging

    def ping(self) -> bool:
        return not self.is_away

    def has_canary(self) -> bool:
        self._answer()
        return self._has_canary

    def set_canary(self) -> None:
        self._answer()
        self._has_canary = True

    def lose_data(self) -> None:
        self.rung.clear()
        self._has_canary = False

    def _answer(self) -> None:
        if self.is_away:
            raise BrokerUnavailableError


class World:
    """A project with one table and everything that moves runs."""

    def __init__(
        self, sessions: Sessions, blobs: Blobs, broker: RememberingBroker, limits: Limits
    ) -> None:
        self.sessions = sessions
        self.blobs = blobs
        self.broker = broker
        self.runs = Runs(sessions, blobs, broker, limits)
        self.leases = Leases(sessions, blobs, lease_s=LEASE_S)
        self.reconciler = Reconciler(sessions, broker, _patient_with_nobody(sessions))
        self.events = Events(sessions)
        self.project_id = Projects(sessions).ensure_project("first")
        self.dataset_id = self.add_dataset(self.project_id)

    def add_dataset(self, project_id: str) -> str:
        """Add a table with the numeric columns x and y."""
        with self.sessions.begin() as session:
            row = DatasetRow(
                id=new_id("ds"),
                project_id=project_id,
                name="line",
                format="csv",
                sha256="0" * 64,
                bytes=100,
                rows=50,
                profile=LINE.to_json(),
                blob_sha256=self.blobs.put(session, b"the typed Parquet"),
            )
            session.add(row)
            return row.id

    def create(self, **fields: Any) -> Run:
        """Queue a run of the project on its table."""
        return self.runs.create(self.project_id, self.wish(**fields))

    def wish(self, **fields: Any) -> RunCreate:
        """Read a wish as the API does: from JSON, strictly."""
        # Of the recipes the one that tells nothing: its runs begin with one event.
        plain = {"dataset_id": self.dataset_id, "target": "y", "network": "mlp"} | fields
        return RunCreate.model_validate_json(json.dumps(plain))

    def claim(self, run_id: str, worker_id: str = "worker") -> Claim:
        """Claim a run that must be there to be claimed."""
        claim = self.leases.claim(run_id, worker_id)
        assert claim is not None
        return claim

    def get(self, run_id: str) -> Run:
        return self.runs.get(self.project_id, run_id)

    def row(self, run_id: str) -> RunRow:
        """Look at a run's row."""
        with self.sessions.read() as session:
            return session.scalars(select(RunRow).where(RunRow.id == run_id)).one()

    def story(self, run_id: str) -> list[Event]:
        """Return all events of a run."""
        return list(self.events.list(self.project_id, run_id, limit=500).data)

    def shift(self, run_id: str, **seconds: float) -> None:
        """Move instants of a run's row relative to now: `shift(id, lease_until=-1)`."""
        values = {name: db_now(plus_s) for name, plus_s in seconds.items()}
        with self.sessions.begin() as session:
            session.execute(update(RunRow).where(RunRow.id == run_id).values(values))

    def expire(self, run_id: str) -> None:
        """Let a run's lease expire."""
        self.shift(run_id, lease_until=-1.0)


def _patient_with_nobody(sessions: Sessions) -> Outages:
    # PostgreSQL was started a moment ago, for these tests.
    return Outages(sessions, time.monotonic, every_s=1.0, grace_s=0.0)


def progress(
    epoch: int, *, state: bytes | None = None, metrics: dict[str, float] | None = None
) -> ProgressPart:
    """One epoch of ten steps with its metrics, and perhaps a checkpoint."""
    metrics = metrics or {"train_loss": 1.0 / epoch}
    saved = NewCheckpoint(kind="periodic", epoch=epoch, step=10 * epoch, state=state)
    return ProgressPart(
        epoch=epoch,
        step=10 * epoch,
        trained_seconds=0.1 * epoch,
        epochs=(EpochMetrics(epoch, metrics),),
        checkpoint=None if state is None else saved,
    )


def _numeric(name: str) -> ColumnProfile:
    return ColumnProfile(
        name=name,
        type="numeric",
        missing=0,
        distinct=50,
        min=0.0,
        max=49.5,
        mean=24.0,
        std=14.0,
        top=(),
        integer=False,
        reason="every value is a number",
    )


LINE = TableProfile(rows=50, columns=(_numeric("x"), _numeric("y")), warnings=())
