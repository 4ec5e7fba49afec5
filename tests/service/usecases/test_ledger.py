"""The ledger keeps its promises under any order of moves, and the test of that can fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event, text, update
from sqlalchemy.exc import DatabaseError

from service.store.db import Sessions, make_engine
from service.store.tables import RunRow
from service.usecases.claims import Outcome
from service.usecases.moves import ARROWS, Move, move
from tests.service.usecases.ledger_machine import LedgerMachine
from tests.service.usecases.ledger_model import ENDINGS, Holder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.service.usecases.world import World

SETTINGS = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_no_order_of_moves_breaks_the_ledger(sessions: Sessions) -> None:
    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(sessions)

    run_state_machine_as_test(Machine, settings=SETTINGS)


@pytest.mark.parametrize("act", ["heartbeat", "record", "finish", "release", "put_aside"])
@pytest.mark.parametrize("has_fence", [True, False], ids=["fence", "no fence"])
def test_the_machine_notices_a_ledger_without_its_fence(
    database_url: str, act: str, has_fence: bool
) -> None:
    engine = make_engine(database_url)
    if not has_fence:
        event.listen(engine, "before_cursor_execute", _without_fence, retval=True)
    machine = LedgerMachine(Sessions(engine))
    [(run_id, expected)] = machine.expected.items()
    zombie = machine.take(run_id, expected)
    assert isinstance(zombie, Holder)
    machine.silence(run_id, expected)
    machine.reconcile()
    machine.take(run_id, expected)
    acts: dict[str, Callable[[], None]] = {
        "heartbeat": lambda: machine.heartbeat(zombie),
        "record": lambda: machine.record(zombie, 1, 0.5, saves=True),
        "finish": lambda: machine.finish(zombie, ENDINGS[0]),
        "release": lambda: machine.release(zombie, 1, 0.5),
        "put_aside": lambda: machine.put_aside(zombie, 1, 0.5),
    }
    if has_fence:
        acts[act]()
        machine.the_ledger_says_what_the_model_says()
    else:
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            acts[act]()
    engine.dispose()


def _without_fence(_1: Any, _2: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
    """Take the fence out of every condition, keeping the statement's parameters in place."""
    return re.sub(r"runs\.fence = (\S+)", r"\1 IS NOT NULL", statement), parameters


def test_the_database_itself_keeps_a_terminal_status(world: World) -> None:
    run = world.create()
    fence = world.claim(run.id).fence
    world.leases.finish(run.id, fence, Outcome(status="succeeded", stop_reason="max_epochs"))
    for status in ("queued", "failed"):
        with (
            pytest.raises(DatabaseError, match="terminal status never changes"),
            world.sessions.begin() as session,
        ):
            session.execute(update(RunRow).values(status=status, finished_at=None))
    assert world.get(run.id).status == "succeeded"


def test_the_database_itself_keeps_a_fence_from_shrinking(world: World) -> None:
    run = world.create()
    world.claim(run.id)
    with (
        pytest.raises(DatabaseError, match="fence only grows"),
        world.sessions.begin() as session,
    ):
        session.execute(update(RunRow).values(fence=0))


@pytest.mark.parametrize(
    "change",
    [
        "status = 'unheard_of'",
        "requested = 'unheard_of'",
        "lease_until = NULL",
        "finished_at = lease_until",
    ],
)
def test_the_database_itself_refuses_nonsense(world: World, change: str) -> None:
    world.claim(world.create().id)
    with pytest.raises(DatabaseError), world.sessions.begin() as session:
        session.execute(text(f"UPDATE runs SET {change}"))  # noqa: S608 - constants above


def test_there_are_no_moves_but_the_legal_ones(world: World) -> None:
    run = world.create()
    with world.sessions.begin() as session, pytest.raises(ValueError, match="No run moves"):
        move(session, run.id, Move(source="succeeded", target="queued"))
    assert not ARROWS.keys() & {"succeeded", "stopped", "failed", "cancelled"}
