"""A process that writes events of one run, as fast as it can: `python -m tests.faults.writer`."""

from __future__ import annotations

import sys

from service.store.blobs import Blobs
from service.store.db import Sessions, make_engine
from service.usecases.claims import NewEvent
from service.usecases.leases import Leases


def main(url: str, run_id: str, fence: int, n_writes: int) -> None:
    """Write, each event in a transaction of its own, once somebody says so on stdin."""
    sessions = Sessions(make_engine(url))
    leases = Leases(sessions, Blobs(), lease_s=60.0)
    leases.heartbeat(run_id, fence)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for number in range(n_writes):
        leases.tell(run_id, fence, [NewEvent("log", f"{number}")])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
