"""kill -9 around each COMMIT that a training makes: what it wrote is there once, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.store.blobs import Blobs

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

POINTS = ("before_commit", "after_commit", "before_finish", "after_finish")


def test_a_run_survives_kill_9_at_every_commit_point(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    for point in POINTS:
        service.kill_at(f"{point}@{point}")
    run_ids = {point: service.start_run(undisturbed.dataset_id, point) for point in POINTS}
    attempts = {
        point: undisturbed.check(run_id, faults=1)["attempt"] for point, run_id in run_ids.items()
    }
    # What is committed is done: nobody trains again for a worker that died a moment later.
    assert attempts == {**dict.fromkeys(POINTS, 2), "after_finish": 1}


def test_a_run_survives_kill_9_between_two_chunks_of_a_checkpoint(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    # What other runs of the same bits have left would not be written again.
    with service.sessions.begin() as session:
        Blobs().delete_unreferenced(session, older_than_s=0.0)
    service.kill_at("mid_chunks")
    run_id = service.start_run(undisturbed.dataset_id)
    assert undisturbed.check(run_id, faults=1)["attempt"] == 2
