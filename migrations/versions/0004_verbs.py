"""What a run needs, repeats and may take; what a worker holds, and when it last heard a bell."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from service.store.instants import UtcTimestamp

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Added one by one, without Alembic's batch: on SQLite that makes a new table, and the triggers that
# guard `runs` would stay with the old one.
COLUMNS: tuple[tuple[str, str, sa.types.TypeEngine[Any]], ...] = (
    ("runs", "memory_bytes", sa.BigInteger()),
    ("runs", "replay_of", sa.String(31)),
    ("runs", "replay", sa.JSON(none_as_null=True)),
    ("workers", "memory_bytes", sa.BigInteger()),
    ("workers", "numerics", sa.JSON(none_as_null=True)),
    ("workers", "heard_at", UtcTimestamp()),
    ("projects", "runs_running", sa.Integer()),
)


def upgrade() -> None:
    for table, column, kind in COLUMNS:
        op.add_column(table, sa.Column(column, kind, nullable=True))
    op.create_index("ix_runs_replay_of", "runs", ["replay_of"])
    unfinished = sa.text("status IN ('queued', 'running', 'paused')")
    op.create_index(
        "ix_runs_unfinished",
        "runs",
        ["deadline_at"],
        sqlite_where=unfinished,
        postgresql_where=unfinished,
    )
    op.create_index("ix_runs_project_id_status_id", "runs", ["project_id", "status", "id"])
    op.create_table(
        "pulses",
        sa.Column("duty", sa.String(32), nullable=False),
        sa.Column("done_at", UtcTimestamp(), nullable=False),
        sa.PrimaryKeyConstraint("duty", name=op.f("pk_pulses")),
    )


def downgrade() -> None:
    op.drop_table("pulses")
    for index in ("ix_runs_project_id_status_id", "ix_runs_unfinished", "ix_runs_replay_of"):
        op.drop_index(index, "runs")
    for table, column, _ in reversed(COLUMNS):
        op.drop_column(table, column)
