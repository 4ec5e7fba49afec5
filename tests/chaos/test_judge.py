"""The judge sees what a run must not be: a report without violations says something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from service.store.tables import RunRow
from service.usecases.curves import curves
from tests.chaos.judge import Trial, judge
from tests.chaos.load import Wish
from tests.chaos.reference import Reference
from tests.workers.attempts import create, train

if TYPE_CHECKING:
    from tests.service.usecases.world import World

EPOCHS = 3
CORRUPTIONS = {
    "has other bits than undisturbed": "UPDATE runs SET weights_sha256 = 'other'",
    "was not reproducible": "UPDATE runs SET reproducible = false",
    "has more attempts than claims": "UPDATE runs SET attempt = 2",
    "has more attempts than faults": "UPDATE runs SET attempt = 9",
    "has no model": "DELETE FROM models",
    "has gaps in its events": "DELETE FROM run_events WHERE seq = 2",
    "has not every epoch in order": "UPDATE run_events SET type = 'log' WHERE type LIKE 'epoch%'",
    "has something twice": (
        "UPDATE run_events SET type = 'run.status_changed', data = '{\"to\": \"failed\"}'"
        " WHERE type = 'checkpoint.saved'"
    ),
    "moved after its end": (
        "INSERT INTO run_events SELECT run_id, seq + 1, 'evt_late', 'log', level, message, '{}',"
        " fence, created_at FROM run_events ORDER BY seq DESC LIMIT 1"
    ),
}


@pytest.fixture
def run_id(world: World) -> str:
    """A run that nothing happened to."""
    return train(world, create(world, epochs=EPOCHS, early_stopping=None)).id


@pytest.fixture
def reference(world: World, run_id: str) -> Reference:
    """What it came to, before anybody touched it."""
    with world.sessions.read() as session:
        sha256 = str(session.get_one(RunRow, run_id).weights_sha256)
        series = curves(session, run_id, None).series
    return Reference(sha256, EPOCHS, series)


def violations(world: World, run_id: str, reference: Reference) -> list[str]:
    with world.sessions.read() as session:
        trial = Trial(session, session.get_one(RunRow, run_id), reference)
        return list(trial.violations(1))


def test_an_undisturbed_run_violates_nothing(
    world: World, run_id: str, reference: Reference
) -> None:
    assert violations(world, run_id, reference) == []


@pytest.mark.parametrize("violation", CORRUPTIONS)
def test_a_violation_is_seen(
    world: World, run_id: str, reference: Reference, violation: str
) -> None:
    with world.sessions.begin() as session:
        session.execute(text(CORRUPTIONS[violation]))
    assert any(violation in seen for seen in violations(world, run_id, reference))


def test_lost_unknown_and_refused_runs_are_seen(
    world: World, run_id: str, reference: Reference
) -> None:
    queued, stranger = create(world), create(world)
    lost = "run_00000000000000000000000000"
    wishes = [
        Wish("done", "line", run_id),
        Wish("unfinished", "line", queued),
        Wish("gone", "line", lost),
        Wish("refused", "line"),
    ]
    verdict = judge(world.sessions, wishes, {"line": reference}, n_faults=1)
    assert (verdict.runs, verdict.lost, verdict.identical) == (3, 2, 1)
    assert verdict.duplicates == 1
    said = "\n".join(verdict.violations)
    for words in (
        f"{queued}: is not over",
        f"{lost}: accepted, and not in the ledger",
        f"{stranger}: nobody was told of it",
        "refused: never accepted",
    ):
        assert words in said
