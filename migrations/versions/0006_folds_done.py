"""How many folds are behind a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("folds_done", sa.Integer(), nullable=True))


def downgrade() -> None:
    # Not as a batch: on SQLite that makes the table anew, and dropping the old one takes along
    # what belongs to its runs.
    op.drop_column("runs", "folds_done")
