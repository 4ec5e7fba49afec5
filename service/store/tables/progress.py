"""What a run leaves behind while it trains: events, metrics and checkpoints."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Digest, Id

_MOVES = text("type = 'run.status_changed'")


class EventRow(Base):
    """Something that happened to a run; `seq` counts from 1 without gaps."""

    __tablename__ = "run_events"
    __table_args__ = (
        # A list of runs shows every run's moves, which are few among its epochs.
        Index("ix_run_events_moves", "run_id", "seq", sqlite_where=_MOVES, postgresql_where=_MOVES),
    )

    run_id: Mapped[Id] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    id: Mapped[Id]
    type: Mapped[str] = mapped_column(String(32))
    level: Mapped[str] = mapped_column(String(8))
    message: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    fence: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]


class EpochRow(Base):
    """The metrics of one epoch, once."""

    __tablename__ = "epochs"

    run_id: Mapped[Id] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True)
    metrics: Mapped[str] = mapped_column(Text)
    """JSON of the values by name: text, and one row for all, because whole curves are read.

    `"nan"`, `"inf"` and `"-inf"` stand for values that are not finite.
    """
    fence: Mapped[int] = mapped_column(BigInteger)


class CheckpointRow(Base):
    """A saved state (to go on from), saved weights (to download), or both."""

    __tablename__ = "checkpoints"
    __table_args__ = (
        Index("ix_checkpoints_run_id_step", "run_id", "step", "kind", unique=True),
        Index("ix_checkpoints_state", "state_sha256"),
        Index("ix_checkpoints_weights", "weights_sha256"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    run_id: Mapped[Id] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    epoch: Mapped[int] = mapped_column(Integer)
    step: Mapped[int] = mapped_column(BigInteger)
    is_best: Mapped[bool] = mapped_column(default=False)
    state_sha256: Mapped[Digest | None] = mapped_column(ForeignKey("blobs.sha256"))
    weights_sha256: Mapped[Digest | None] = mapped_column(ForeignKey("blobs.sha256"))
    bytes: Mapped[int] = mapped_column(BigInteger)
    fence: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]
