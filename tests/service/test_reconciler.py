"""The reconciler as a process: what nothing names is swept away, and a signal ends it."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from sqlalchemy import text

from service.store.blobs import Blobs
from service.store.db import Sessions, make_engine
from tests.servers.processes import Server

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.redis import RedisServer

TWO_HOURS_S = 7200.0


def test_a_blob_that_nothing_names_is_swept_away(
    sqlite_url: str, redis: RedisServer, tmp_path: Path
) -> None:
    sessions = Sessions(make_engine(sqlite_url))
    with sessions.begin() as session:
        Blobs().put(session, b"named by nobody")
        session.execute(text("UPDATE blobs SET put_at = put_at - :age"), {"age": TWO_HOURS_S})
    environ = {
        **os.environ,
        "SLOPE_DATABASE_URL": sqlite_url,
        "SLOPE_REDIS_URL": redis.url,
        "SLOPE_STATE_DIR": str(tmp_path),
    }
    log = tmp_path / "reconciler.log"
    reconciler = Server([sys.executable, "-m", "service.reconciler"], log, environ=environ)
    try:
        reconciler.wait_until(lambda: _n_blobs(sessions) == 0)
    finally:
        started_s = time.monotonic()
        reconciler.end(signal.SIGTERM)
    assert time.monotonic() - started_s < 5.0
    assert "Swept(blobs=1" in log.read_text()


def _n_blobs(sessions: Sessions) -> int:
    with sessions.read() as session:
        return int(session.execute(text("SELECT count(*) FROM blobs")).scalar_one())
