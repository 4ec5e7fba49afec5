"""Projects and what belongs to them but runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from service.store.instants import UtcTimestamp

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(31)
DIGEST = sa.String(64)


def upgrade() -> None:
    op.create_table(
        "projects",
        _column("id", ID),
        _column("name", sa.String(200)),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("name", name="uq_projects_name"),
    )
    op.create_table(
        "api_keys",
        _column("id", ID),
        _column("project_id", ID),
        _column("lookup", sa.String(10)),
        _column("digest", DIGEST),
        _json("scopes"),
        _instant("created_at"),
        _instant("expires_at", nullable=True),
        _instant("revoked_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_api_keys_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("lookup", name="uq_api_keys_lookup"),
    )
    op.create_index("ix_api_keys_project_id", "api_keys", ["project_id"])
    op.create_table(
        "idempotency_keys",
        _column("project_id", ID),
        _column("key", sa.String(255)),
        _column("fingerprint", DIGEST),
        _column("token", sa.String(32)),
        _instant("locked_until"),
        _column("status", sa.Integer(), nullable=True),
        _column("body", sa.Text(), nullable=True),
        _json("headers", nullable=True),
        _instant("created_at"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_idempotency_keys_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("project_id", "key", name="pk_idempotency_keys"),
    )
    op.create_table(
        "workers",
        _column("id", sa.String(128)),
        _column("pid", sa.Integer()),
        _column("host", sa.String(255)),
        _json("queues"),
        _column("slots", sa.Integer()),
        _instant("created_at"),
        _instant("last_seen"),
        _column("draining", sa.Boolean()),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
    op.create_table(
        "blobs",
        _column("sha256", DIGEST),
        _column("bytes", sa.BigInteger()),
        _instant("put_at"),
        sa.PrimaryKeyConstraint("sha256", name="pk_blobs"),
    )
    op.create_table(
        "blob_chunks",
        _column("sha256", DIGEST),
        _column("seq", sa.Integer()),
        _column("data", sa.LargeBinary()),
        sa.ForeignKeyConstraint(
            ["sha256"], ["blobs.sha256"], name="fk_blob_chunks_sha256_blobs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sha256", "seq", name="pk_blob_chunks"),
    )
    op.create_table(
        "datasets",
        _column("id", ID),
        _column("project_id", ID),
        _column("name", sa.String(200)),
        _column("format", sa.String(16)),
        _column("sha256", DIGEST),
        _column("bytes", sa.BigInteger()),
        _column("rows", sa.BigInteger()),
        _json("profile"),
        _column("parent_id", ID, nullable=True),
        _column("blob_sha256", DIGEST, nullable=True),
        _instant("created_at"),
        _instant("deleted_at", nullable=True),
        sa.ForeignKeyConstraint(
            ["blob_sha256"], ["blobs.sha256"], name="fk_datasets_blob_sha256_blobs"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_datasets_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_datasets"),
        sa.UniqueConstraint("project_id", "id", name="uq_datasets_project_id_id"),
    )
    op.create_index("ix_datasets_blob", "datasets", ["blob_sha256"])
    op.create_table(
        "networks",
        _column("id", ID),
        _column("project_id", ID),
        _column("name", sa.String(200)),
        _column("spec", sa.Text()),
        _instant("created_at"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_networks_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_networks"),
    )
    op.create_index("ix_networks_project_id_id", "networks", ["project_id", "id"])
    op.create_table(
        "model_names",
        _column("project_id", ID),
        _column("name", sa.String(200)),
        _column("last_version", sa.Integer()),
        _instant("created_at"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_model_names_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("project_id", "name", name="pk_model_names"),
    )
    op.create_table(
        "models",
        _column("id", ID),
        _column("project_id", ID),
        _column("run_id", ID),
        _column("dataset_id", ID),
        _column("name", sa.String(200), nullable=True),
        _column("version", sa.Integer(), nullable=True),
        _json("signature"),
        _json("metrics"),
        _column("parameters", sa.BigInteger()),
        _column("bytes", sa.BigInteger()),
        _column("sha256", DIGEST),
        _instant("created_at"),
        sa.ForeignKeyConstraint(
            ["project_id", "dataset_id"],
            ["datasets.project_id", "datasets.id"],
            name="fk_models_project_id_dataset_id_datasets",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "name"],
            ["model_names.project_id", "model_names.name"],
            name="fk_models_project_id_name_model_names",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_models_project_id_projects"
        ),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"], name="fk_models_sha256_blobs"),
        sa.PrimaryKeyConstraint("id", name="pk_models"),
        sa.UniqueConstraint("project_id", "id", name="uq_models_project_id_id"),
        sa.UniqueConstraint(
            "project_id", "name", "version", name="uq_models_project_id_name_version"
        ),
        sa.UniqueConstraint("run_id", name="uq_models_run_id"),
    )
    op.create_index("ix_models_blob", "models", ["sha256"])
    op.create_index("ix_models_project_id_dataset_id", "models", ["project_id", "dataset_id"])
    if op.get_bind().dialect.name == "postgresql":
        # Weights do not compress; trying to costs time at every write.
        op.execute("ALTER TABLE blob_chunks ALTER COLUMN data SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.drop_table("models")
    op.drop_table("model_names")
    op.drop_table("networks")
    op.drop_table("datasets")
    op.drop_table("blob_chunks")
    op.drop_table("blobs")
    op.drop_table("workers")
    op.drop_table("idempotency_keys")
    op.drop_table("api_keys")
    op.drop_table("projects")


def _column(name: str, kind: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return _column(name, UtcTimestamp(), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return _column(name, sa.JSON(none_as_null=True), nullable=nullable)
