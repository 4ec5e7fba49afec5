"""Workers as they announced themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Instant


class WorkerRow(Base):
    """One worker process with its pool."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    host: Mapped[str] = mapped_column(String(255))
    queues: Mapped[list[Any]]
    slots: Mapped[int] = mapped_column(Integer, default=1)
    memory_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """What one of its runs may take; null where it does not say."""
    speed: Mapped[dict[str, Any] | None]
    numerics: Mapped[dict[str, Any] | None]
    """The fingerprint of what it computes with."""
    created_at: Mapped[CreatedAt]
    last_seen: Mapped[CreatedAt]
    heard_at: Mapped[Instant | None]
    """When it last heard a bell: a worker may live and yet be deaf to its broker."""
    draining: Mapped[bool] = mapped_column(default=False)
