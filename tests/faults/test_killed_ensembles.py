"""kill -9 in the middle of an ensemble: all its members go on, with the bits of each alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.store.blobs import Blobs
from service.store.tables import DatasetRow
from tests.chaos.reference import train_undisturbed

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

WISH: dict[str, Any] = {
    "training": {"epochs": 8, "batch_size": 4, "members": 3, "early_stopping": {"patience": 2}},
}


def test_an_ensemble_that_is_killed_goes_on_to_the_weights_of_its_members_alone(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    run_id = service.start_run(undisturbed.dataset_id, "unlucky", **WISH)
    service.kill_at("3-inside@unlucky")
    run = service.await_run(run_id, "succeeded")
    assert run["attempt"] == 2
    with service.sessions.read() as session:
        dataset = session.get_one(DatasetRow, undisturbed.dataset_id)
        data = Blobs().get(session, str(dataset.blob_sha256))
    alone = train_undisturbed(run["spec"], data)
    assert run["weights_sha256"] == alone.weights_sha256
    assert service.metrics(run_id)["series"] == alone.curves
