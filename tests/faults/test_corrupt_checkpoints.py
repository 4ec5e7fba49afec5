"""Checkpoints that rot: a run goes on from the one before, or says that there is none."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from sqlalchemy import select

from service.store.tables import BlobChunkRow, CheckpointRow

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed


def rot(service: FaultyService, run_id: str, n_newest: int | None = None) -> list[int]:
    """Flip a bit in the newest checkpoints of a run, or in all; return their steps, last first."""
    with service.sessions.begin() as session:
        mine = select(CheckpointRow).where(CheckpointRow.run_id == run_id)
        rows = session.scalars(mine.order_by(CheckpointRow.step.desc()).limit(n_newest)).all()
        for row in rows:
            for sha256 in {row.state_sha256, row.weights_sha256} - {None}:
                chunk = session.get_one(BlobChunkRow, (sha256, 0))
                chunk.data = bytes([chunk.data[0] ^ 1]) + chunk.data[1:]
        return [row.step for row in rows]


def corrupt_steps(service: FaultyService, run_id: str) -> list[int]:
    """Return the steps of the checkpoints that the run's story calls corrupt."""
    told = [event["data"] for event in service.events(run_id) if event["type"] == "log"]
    return [data["step"] for data in told if data.get("code") == "checkpoint_corrupt"]


def test_a_run_goes_on_from_the_checkpoint_before_a_corrupt_one(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside@rotten")
    run_id = service.start_run(undisturbed.dataset_id, "rotten")
    os.kill(service.await_held("6-inside@rotten"), signal.SIGKILL)
    rotten = rot(service, run_id, n_newest=1)
    service.release("6-inside@rotten")
    run = undisturbed.check(run_id, faults=1)
    assert run["attempt"] == 2
    assert corrupt_steps(service, run_id) == rotten
    assert 0 < service.starts(run_id)[0]["step"] < rotten[0]


def test_a_run_whose_checkpoints_are_all_corrupt_fails_and_says_so(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    service.hold("6-inside@lost")
    run_id = service.start_run(undisturbed.dataset_id, "lost")
    os.kill(service.await_held("6-inside@lost"), signal.SIGKILL)
    rotten = rot(service, run_id)
    service.release("6-inside@lost")
    run = service.await_run(run_id, "succeeded", "failed")
    assert (run["status"], run["stop_reason"]) == ("failed", "error")
    assert run["error"]["code"] == "checkpoint_corrupt"
    assert corrupt_steps(service, run_id) == rotten
    assert service.starts(run_id) == []
