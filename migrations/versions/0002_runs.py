"""Runs, their events, metrics and checkpoints, and the triggers that guard them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from service.store.instants import UtcTimestamp

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(31)
DIGEST = sa.String(64)

SQLITE_TRIGGERS = (
    """
        CREATE TRIGGER runs_terminal_stays BEFORE UPDATE OF status ON runs
        WHEN OLD.finished_at IS NOT NULL AND NEW.status <> OLD.status
        BEGIN SELECT RAISE(ABORT, 'a terminal status never changes'); END
    """,
    """
        CREATE TRIGGER runs_fence_grows BEFORE UPDATE OF fence ON runs
        WHEN NEW.fence < OLD.fence
        BEGIN SELECT RAISE(ABORT, 'a fence only grows'); END
    """,
)
POSTGRESQL_TRIGGER = """
    CREATE FUNCTION runs_keep_faith() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.finished_at IS NOT NULL AND NEW.status <> OLD.status THEN
            RAISE EXCEPTION 'a terminal status never changes' USING ERRCODE = 'check_violation';
        END IF;
        IF NEW.fence < OLD.fence THEN
            RAISE EXCEPTION 'a fence only grows' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER runs_keep_faith BEFORE UPDATE ON runs
    FOR EACH ROW EXECUTE FUNCTION runs_keep_faith();
"""


def upgrade() -> None:
    op.create_table(
        "runs",
        _column("id", ID),
        _column("project_id", ID),
        _instant("created_at"),
        _column("dataset_id", ID),
        _column("spec", sa.Text()),
        _column("seed", sa.BigInteger()),
        _column("target", sa.Text()),
        _column("task", sa.String(16)),
        _column("epochs", sa.Integer()),
        _column("model_name", sa.String(200), nullable=True),
        _json("parent", nullable=True),
        _json("labels"),
        _column("device", sa.String(16)),
        _column("status", sa.String(16)),
        _column("stop_reason", sa.String(32), nullable=True),
        _column("requested", sa.String(16), nullable=True),
        _json("error", nullable=True),
        _instant("started_at", nullable=True),
        _instant("finished_at", nullable=True),
        _column("event_seq", sa.BigInteger()),
        _column("queue", sa.String(64)),
        _column("priority", sa.Integer()),
        _instant("available_at"),
        _instant("deadline_at"),
        _instant("dispatched_at", nullable=True),
        _column("dispatch_count", sa.Integer()),
        _column("fence", sa.BigInteger()),
        _column("attempt", sa.Integer()),
        _column("lease_owner", sa.String(128), nullable=True),
        _instant("lease_until", nullable=True),
        _column("crashes_since_progress", sa.Integer()),
        _column("crashes_total", sa.Integer()),
        _column("epoch", sa.Integer()),
        _column("step", sa.BigInteger()),
        _column("trained_seconds", sa.Double()),
        _column("samples_per_second", sa.Double(), nullable=True),
        _column("eta_seconds", sa.Double(), nullable=True),
        _instant("progress_at", nullable=True),
        _json("metrics"),
        _json("best", nullable=True),
        _json("numerics", nullable=True),
        _column("reproducible", sa.Boolean()),
        _column("weights_sha256", DIGEST, nullable=True),
        _json("report", nullable=True),
        sa.CheckConstraint(
            "(status = 'running') = (lease_until IS NOT NULL)", name="ck_runs_lease"
        ),
        sa.CheckConstraint(
            "(status IN ('succeeded', 'stopped', 'cancelled', 'failed'))"
            " = (finished_at IS NOT NULL)",
            name="ck_runs_finished",
        ),
        sa.CheckConstraint("requested IN ('pause', 'stop', 'cancel')", name="ck_runs_requested"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'paused',"
            " 'succeeded', 'stopped', 'cancelled', 'failed')",
            name="ck_runs_status",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "dataset_id"],
            ["datasets.project_id", "datasets.id"],
            name="fk_runs_project_id_dataset_id_datasets",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_runs_project_id_projects"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.UniqueConstraint("project_id", "id", name="uq_runs_project_id_id"),
    )
    op.create_index("ix_runs_project_id_dataset_id", "runs", ["project_id", "dataset_id"])
    op.create_index("ix_runs_project_id_model_name", "runs", ["project_id", "model_name"])
    op.create_index("ix_runs_queued", "runs", ["available_at", "id"], **_where("status = 'queued'"))
    op.create_index("ix_runs_running", "runs", ["lease_until"], **_where("status = 'running'"))
    op.create_table(
        "run_events",
        _column("run_id", ID),
        _column("seq", sa.BigInteger()),
        _column("id", ID),
        _column("type", sa.String(32)),
        _column("level", sa.String(8)),
        _column("message", sa.Text()),
        _json("data"),
        _column("fence", sa.BigInteger()),
        _instant("created_at"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_run_events_run_id_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "seq", name="pk_run_events"),
    )
    op.create_index(
        "ix_run_events_moves",
        "run_events",
        ["run_id", "seq"],
        **_where("type = 'run.status_changed'"),
    )

    op.create_table(
        "metrics",
        _column("run_id", ID),
        _column("name", sa.String(64)),
        _column("epoch", sa.Integer()),
        _column("value", sa.Double(), nullable=True),
        _column("nonfinite", sa.String(4), nullable=True),
        _column("fence", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_metrics_run_id_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "name", "epoch", name="pk_metrics"),
    )
    op.create_table(
        "checkpoints",
        _column("id", ID),
        _column("run_id", ID),
        _column("kind", sa.String(16)),
        _column("epoch", sa.Integer()),
        _column("step", sa.BigInteger()),
        _column("is_best", sa.Boolean()),
        _column("state_sha256", DIGEST, nullable=True),
        _column("weights_sha256", DIGEST, nullable=True),
        _column("bytes", sa.BigInteger()),
        _column("fence", sa.BigInteger()),
        _instant("created_at"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_checkpoints_run_id_runs", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["state_sha256"], ["blobs.sha256"], name="fk_checkpoints_state_sha256_blobs"
        ),
        sa.ForeignKeyConstraint(
            ["weights_sha256"], ["blobs.sha256"], name="fk_checkpoints_weights_sha256_blobs"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoints"),
    )
    op.create_index(
        "ix_checkpoints_run_id_step", "checkpoints", ["run_id", "step", "kind"], unique=True
    )
    op.create_index("ix_checkpoints_state", "checkpoints", ["state_sha256"])
    op.create_index("ix_checkpoints_weights", "checkpoints", ["weights_sha256"])
    # The last wall behind the conditions of every UPDATE: no bug may rewrite how a run ended.
    if op.get_bind().dialect.name == "sqlite":
        for trigger in SQLITE_TRIGGERS:
            op.execute(trigger)
    else:
        op.execute(POSTGRESQL_TRIGGER)


def downgrade() -> None:
    op.drop_table("checkpoints")
    op.drop_table("metrics")
    op.drop_table("run_events")
    op.drop_table("runs")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION runs_keep_faith()")


def _column(name: str, kind: Any, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return _column(name, UtcTimestamp(), nullable=nullable)


def _json(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return _column(name, sa.JSON(none_as_null=True), nullable=nullable)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}
