"""kill -9 in the middle of a fold: that fold is repeated, and no bit of the report is another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

WISH: dict[str, Any] = {
    "split": {"folds": 3},
    "training": {"epochs": 6, "batch_size": 4, "early_stopping": None},
}


def report(service: FaultyService, run_id: str) -> Any:
    service.await_run(run_id, "succeeded")
    return service.client.get(f"/v1/runs/{run_id}/report").raise_for_status().json()


def test_a_run_that_is_killed_in_its_second_fold_repeats_that_one(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    whole = service.start_run(undisturbed.dataset_id, **WISH)
    service.hold("fold-2@unlucky")
    run_id = service.start_run(undisturbed.dataset_id, "unlucky", **WISH)
    service.await_held("fold-2@unlucky")
    service.kill_at("5-inside@unlucky")
    service.release("fold-2@unlucky")
    found = report(service, run_id)
    assert found == report(service, whole)
    assert len(found["cross_validation"]["folds"]) == 3
    run = service.run(run_id)
    assert run["attempt"] == 2
    assert run["weights_sha256"] == service.run(whole)["weights_sha256"]
    told = [event["data"] for event in service.events(run_id)]
    assert [data["fold"] for data in told if data.get("code") == "fold"] == [1, 2, 3]
