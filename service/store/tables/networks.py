"""Networks: specifications under a name."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Id


class NetworkRow(Base):
    """A stored network; runs copy its specification, so that it can be deleted at any time."""

    __tablename__ = "networks"
    __table_args__ = (Index("ix_networks_project_id_id", "project_id", "id"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(200))
    spec: Mapped[str] = mapped_column(Text)
    """JSON of the wire's NetworkIn: text, because its strict reader reads JSON, not objects."""
    created_at: Mapped[CreatedAt]
