"""Runs the migrations on the connection that `service.store.migrate` hands over.

Alembic's command line gives none; it names a database as `alembic -x url=... upgrade head`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic import context

from service.store.db import make_engine
from service.store.tables import Base

if TYPE_CHECKING:
    from sqlalchemy import Connection


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite alters a table by copying it.
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    url = context.get_x_argument(as_dictionary=True)["url"]
    with make_engine(url, statement_timeout_s=3600.0).begin() as own:
        _run(own)
