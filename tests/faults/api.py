"""An API that comes to places around the COMMIT of what it creates, and may die there."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.engine import Engine

from service import app
from service.store.db import Sessions
from tests.faults.places import come_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy.orm import Session

_CREATED = {"INSERT INTO datasets ": "dataset", "INSERT INTO runs ": "run"}


class _Inserted(threading.local):
    """What the transaction of this thread created."""

    kind: str | None = None


_inserted = _Inserted()


class StoppingSessions(Sessions):
    """Comes to `before_insert-run` and `after_insert-run`, or to those of a dataset."""

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Begin a transaction that may write."""
        _inserted.kind = None
        with super().begin() as session:
            yield session
            session.flush()
            _come_to("before_insert")
        _come_to("after_insert")


def _come_to(place: str) -> None:
    if _inserted.kind is not None:
        come_to(f"{place}-{_inserted.kind}")


@event.listens_for(Engine, "after_cursor_execute")
def _note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    for beginning, kind in _CREATED.items():
        if statement.startswith(beginning):
            _inserted.kind = kind


if __name__ == "__main__":
    vars(app)["Sessions"] = StoppingSessions
    sys.exit(app.main())
