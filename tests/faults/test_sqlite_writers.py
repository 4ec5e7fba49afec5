"""Four processes that write to one SQLite file at once: nobody is refused, nothing is lost."""

from __future__ import annotations

import subprocess
import sys

from sqlalchemy import select

from service.settings import load_settings
from service.store.blobs import Blobs
from service.store.db import Sessions, make_engine
from service.store.tables import EventRow
from tests.service.usecases.world import RememberingBroker, World

N_PROCESSES = 4
N_WRITES = 250


def test_writers_of_one_sqlite_file_neither_fail_nor_lose_anything(sqlite_url: str) -> None:
    sessions = Sessions(make_engine(sqlite_url))
    world = World(sessions, Blobs(), RememberingBroker(), load_settings({})[1])
    claim = world.claim(world.create().id)
    known = world.row(claim.run_id).event_seq
    task = (sqlite_url, claim.run_id, str(claim.fence), str(N_WRITES))
    writers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.faults.writer", *task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(N_PROCESSES)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=120.0)[1] for writer in writers]
    assert said == [""] * N_PROCESSES
    assert [writer.returncode for writer in writers] == [0] * N_PROCESSES
    told = select(EventRow.seq).where(EventRow.run_id == claim.run_id)
    with sessions.read() as session:
        seqs = list(session.scalars(told.order_by(EventRow.seq)))
    assert seqs == list(range(1, known + N_PROCESSES * N_WRITES + 1))
    assert world.row(claim.run_id).event_seq == seqs[-1]
    sessions.dispose()
