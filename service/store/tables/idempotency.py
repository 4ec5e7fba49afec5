"""Idempotency keys: the answer to a creating call, kept for its repetition."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Digest, Id, Instant


class IdempotencyKeyRow(Base):
    """A key in flight (no status yet) or with its answer, written along with what was created."""

    __tablename__ = "idempotency_keys"

    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[Digest]
    token: Mapped[str] = mapped_column(String(32))
    """Whose flight it is: only that one may write the answer."""
    locked_until: Mapped[Instant]
    status: Mapped[int | None] = mapped_column(Integer)
    body: Mapped[str | None] = mapped_column(Text)
    headers: Mapped[dict[str, Any] | None]
    created_at: Mapped[CreatedAt]
