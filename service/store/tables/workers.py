"""Workers as they announced themselves."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt


class WorkerRow(Base):
    """One worker process with its pool."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    pid: Mapped[int] = mapped_column(Integer)
    host: Mapped[str] = mapped_column(String(255))
    queues: Mapped[list[Any]]
    slots: Mapped[int] = mapped_column(Integer, default=1)
    speed: Mapped[dict[str, Any] | None]
    created_at: Mapped[CreatedAt]
    last_seen: Mapped[CreatedAt]
    draining: Mapped[bool] = mapped_column(default=False)
