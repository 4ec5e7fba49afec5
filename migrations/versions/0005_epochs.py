"""Metrics by epoch: one row for all values of one, where each value had its own."""

from __future__ import annotations

import json
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_EPOCHS = sa.table("epochs", *(sa.column(name) for name in ("run_id", "epoch", "metrics", "fence")))
_METRICS = sa.table(
    "metrics",
    *(sa.column(name) for name in ("run_id", "name", "epoch", "value", "nonfinite", "fence")),
)


def upgrade() -> None:
    op.create_table(
        "epochs",
        sa.Column("run_id", sa.String(31), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_epochs_run_id_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "epoch", name="pk_epochs"),
    )
    connection = op.get_bind()
    for run_id in _run_ids(_METRICS):
        values = connection.execute(
            sa.select(_METRICS)
            .where(_METRICS.c.run_id == run_id)
            .order_by(_METRICS.c.epoch, _METRICS.c.name)
        ).all()
        rows = []
        for epoch, of_epoch in groupby(values, key=lambda value: value.epoch):
            several = list(of_epoch)
            metrics = {one.name: one.nonfinite or one.value for one in several}
            fence = max(one.fence for one in several)
            text = json.dumps(metrics)
            rows.append({"run_id": run_id, "epoch": epoch, "metrics": text, "fence": fence})
        op.bulk_insert(_EPOCHS, rows)
    op.drop_table("metrics")


def downgrade() -> None:
    op.create_table(
        "metrics",
        sa.Column("run_id", sa.String(31), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("nonfinite", sa.String(4), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["runs.id"], name="fk_metrics_run_id_runs", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "name", "epoch", name="pk_metrics"),
    )
    connection = op.get_bind()
    for run_id in _run_ids(_EPOCHS):
        epochs = connection.execute(sa.select(_EPOCHS).where(_EPOCHS.c.run_id == run_id)).all()
        rows = [
            {"run_id": run_id, "name": name, "epoch": one.epoch, "fence": one.fence}
            | (
                {"value": None, "nonfinite": value}
                if isinstance(value, str)
                else {"value": value, "nonfinite": None}
            )
            for one in epochs
            for name, value in json.loads(one.metrics).items()
        ]
        op.bulk_insert(_METRICS, rows)
    op.drop_table("epochs")


def _run_ids(table: sa.TableClause) -> list[str]:
    # Run by run, so that no more than one curve is held at once.
    return list(op.get_bind().scalars(sa.select(table.c.run_id).distinct()))
