"""Models: what trainings made."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Digest, Id


class ModelRow(Base):
    """A trained network with its preprocessing; it outlives its run, so no key binds it to it."""

    __tablename__ = "models"
    __table_args__ = (
        UniqueConstraint("project_id", "id"),
        UniqueConstraint("project_id", "name", "version"),
        ForeignKeyConstraint(("project_id", "dataset_id"), ("datasets.project_id", "datasets.id")),
        ForeignKeyConstraint(
            ("project_id", "name"), ("model_names.project_id", "model_names.name")
        ),
        Index("ix_models_blob", "sha256"),
        Index("ix_models_project_id_dataset_id", "project_id", "dataset_id"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    run_id: Mapped[Id] = mapped_column(unique=True)
    dataset_id: Mapped[Id]
    name: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int | None] = mapped_column(Integer)
    signature: Mapped[dict[str, Any]]
    """`{"target", "task", "features": [{"name", "type"}], "classes": [...] | null}`."""
    metrics: Mapped[dict[str, Any]]
    parameters: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[Digest] = mapped_column(ForeignKey("blobs.sha256"))
    created_at: Mapped[CreatedAt]


class ModelNameRow(Base):
    """A registered name with its latest version; versions count on after a deletion."""

    __tablename__ = "model_names"

    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    last_version: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[CreatedAt]
