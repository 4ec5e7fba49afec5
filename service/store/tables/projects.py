"""Projects are the tenants; their keys open the API."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Digest, Id, Instant


class ProjectRow(Base):
    """A tenant: everything else belongs to one."""

    __tablename__ = "projects"

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    runs_running: Mapped[int | None] = mapped_column(Integer)
    """How many of its runs may train at once; the service's limit where null."""
    created_at: Mapped[CreatedAt]


class ApiKeyRow(Base):
    """A key: its public part to find it by, and the digest of the whole."""

    __tablename__ = "api_keys"

    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), index=True)
    lookup: Mapped[str] = mapped_column(String(10), unique=True)
    digest: Mapped[Digest]
    scopes: Mapped[list[Any]]
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[Instant | None]
    revoked_at: Mapped[Instant | None]
