"""Runs: the queue, the ledger and the truth about every training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, Counter, CreatedAt, Digest, Id, Instant

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

STATUSES = ("queued", "running", "paused", "succeeded", "stopped", "cancelled", "failed")
TERMINAL_STATUSES = ("succeeded", "stopped", "cancelled", "failed")
REQUESTS = ("pause", "stop", "cancel")
UNFINISHED_STATUSES = ("queued", "running", "paused")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


_UNFINISHED = text(_one_of("status", UNFINISHED_STATUSES))


class RunRow(Base):
    """A run. Triggers forbid leaving a terminal status and shrinking the fence."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("project_id", "id"),
        ForeignKeyConstraint(("project_id", "dataset_id"), ("datasets.project_id", "datasets.id")),
        CheckConstraint(_one_of("status", STATUSES), name="status"),
        CheckConstraint(_one_of("requested", REQUESTS), name="requested"),
        CheckConstraint("(status = 'running') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint(
            f"({_one_of('status', TERMINAL_STATUSES)}) = (finished_at IS NOT NULL)",
            name="finished",
        ),
        Index(
            "ix_runs_queued", "available_at", "id",
            sqlite_where=text("status = 'queued'"), postgresql_where=text("status = 'queued'"),
        ),
        Index(
            "ix_runs_running", "lease_until",
            sqlite_where=text("status = 'running'"), postgresql_where=text("status = 'running'"),
        ),
        # Who waits, trains or rests is found among those alone, however many have ended.
        Index(
            "ix_runs_unfinished", "deadline_at",
            sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED,
        ),
        Index("ix_runs_project_id_status_id", "project_id", "status", "id"),
        Index("ix_runs_project_id_dataset_id", "project_id", "dataset_id"),
        Index("ix_runs_project_id_model_name", "project_id", "model_name"),
    )  # fmt: skip

    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    created_at: Mapped[CreatedAt]

    # What is to be done; never changes.
    dataset_id: Mapped[Id]
    spec: Mapped[str] = mapped_column(Text)
    """JSON of the wire's RunSpec: text, because its strict reader reads JSON, not objects."""
    seed: Mapped[int] = mapped_column(BigInteger)
    target: Mapped[str] = mapped_column(Text)
    task: Mapped[str] = mapped_column(String(16))
    epochs: Mapped[int] = mapped_column(Integer)
    model_name: Mapped[str | None] = mapped_column(String(200))
    parent: Mapped[dict[str, Any] | None]
    """`{"run_id", "checkpoint_id", "mode"}`: what it goes on from, where it does."""
    replay_of: Mapped[str | None] = mapped_column(String(31), index=True)
    """The run that this one repeats; without a foreign key, for that one may be deleted."""
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    device: Mapped[str] = mapped_column(String(16), default="cpu")
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Estimate of what training takes; null for runs of the first releases."""

    # Where it stands.
    status: Mapped[str] = mapped_column(String(16), default="queued")
    stop_reason: Mapped[str | None] = mapped_column(String(32))
    requested: Mapped[str | None] = mapped_column(String(16))
    error: Mapped[dict[str, Any] | None]
    started_at: Mapped[Instant | None]
    finished_at: Mapped[Instant | None]
    event_seq: Mapped[Counter]

    # Waiting: whose turn it is, and which bells were rung for it.
    queue: Mapped[str] = mapped_column(String(64), default="slope.cpu")
    priority: Mapped[int] = mapped_column(Integer, default=0)
    available_at: Mapped[CreatedAt]
    deadline_at: Mapped[Instant]
    dispatched_at: Mapped[Instant | None]
    dispatch_count: Mapped[int] = mapped_column(Integer, default=0)

    # Running: who holds it. Every write of a holder names its fence.
    fence: Mapped[Counter]
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(128))
    lease_until: Mapped[Instant | None]
    crashes_since_progress: Mapped[int] = mapped_column(Integer, default=0)
    crashes_total: Mapped[int] = mapped_column(Integer, default=0)

    # How far it came: high-water marks, also while an attempt repeats what a crash took.
    epoch: Mapped[int] = mapped_column(Integer, default=0)
    step: Mapped[Counter]
    folds_done: Mapped[int | None] = mapped_column(Integer)
    """None as long as the run's own training goes on."""
    trained_seconds: Mapped[float] = mapped_column(Double, default=0.0)
    samples_per_second: Mapped[float | None] = mapped_column(Double)
    eta_seconds: Mapped[float | None] = mapped_column(Double)
    progress_at: Mapped[Instant | None]
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The latest epoch's, `epoch` among them; a value that is not finite is null."""
    best: Mapped[dict[str, Any] | None]
    """`{"epoch", "checkpoint_id", "monitor", "value"}`."""

    # What came of it.
    numerics: Mapped[dict[str, Any] | None]
    reproducible: Mapped[bool] = mapped_column(default=True)
    weights_sha256: Mapped[Digest | None]
    replay: Mapped[dict[str, Any] | None]
    """How a repetition compares with what it repeats; null until it ends."""
    report: Mapped[dict[str, Any] | None]


def is_unfinished() -> ColumnElement[bool]:
    """Return the condition on runs that have not ended, by the index of those alone.

    Spelt with literals: a database uses a partial index only where it can prove its condition, and
    of a parameter it can prove nothing.
    """
    return RunRow.status.in_([literal_column(repr(status)) for status in UNFINISHED_STATUSES])
