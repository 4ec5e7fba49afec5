"""Pulses: when a duty of the service was last done."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt


class PulseRow(Base):
    """One duty, whichever process did it."""

    __tablename__ = "pulses"

    duty: Mapped[str] = mapped_column(String(32), primary_key=True)
    done_at: Mapped[CreatedAt]
