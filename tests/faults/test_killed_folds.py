"""kill -9 in the middle of folds: those are repeated, and no bit of the report is another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.faults.service import FaultyService
    from tests.faults.undisturbed import Undisturbed

WISH: dict[str, Any] = {
    # Of 3,000 rows: four folds hold out a row more than the other three, and train before them.
    "split": {"folds": 7},
    "training": {"epochs": 6, "batch_size": 4, "early_stopping": None},
}


def report(service: FaultyService, run_id: str) -> Any:
    service.await_run(run_id, "succeeded")
    return service.client.get(f"/v1/runs/{run_id}/report").raise_for_status().json()


def told(service: FaultyService, run_id: str) -> list[int]:
    data = [event["data"] for event in service.events(run_id)]
    return [about["fold"] for about in data if about.get("code") == "fold"]


def test_a_run_that_is_killed_among_its_last_folds_repeats_those_alone(
    service: FaultyService, undisturbed: Undisturbed
) -> None:
    whole = service.start_run(undisturbed.dataset_id, **WISH)
    service.hold("folds-of-3@unlucky")
    run_id = service.start_run(undisturbed.dataset_id, "unlucky", **WISH)
    service.await_held("folds-of-3@unlucky")
    assert service.run(run_id)["progress"]["folds_done"] == 4
    service.kill_at("5-inside@unlucky")
    service.release("folds-of-3@unlucky")
    found = report(service, run_id)
    assert found == report(service, whole)
    assert len(found["cross_validation"]["folds"]) == 7
    run = service.run(run_id)
    assert run["attempt"] == 2
    assert run["weights_sha256"] == service.run(whole)["weights_sha256"]
    assert sorted(told(service, run_id)) == [1, 2, 3, 4, 5, 6, 7]
    assert told(service, run_id) == told(service, whole)
