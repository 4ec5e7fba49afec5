"""Idempotency keys: sent twice, created once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from service.errors import ConflictError, InvalidRequestError
from service.schemas.events import Event
from service.store.instants import db_now
from service.store.tables import IdempotencyKeyRow
from service.usecases.idempotency import Idempotency, IdempotencyClaim, Stored, fulfil
from service.usecases.projects import Projects

if TYPE_CHECKING:
    from service.store.db import Sessions

BODY, OTHER_BODY = "a" * 64, "b" * 64
RESOURCE = Event.model_validate_json(
    '{"id": "evt_1", "seq": 1, "type": "log", "level": "info", "message": "m", "data": {},'
    ' "created_at": "2026-11-22T00:00:00Z"}'
)


@pytest.fixture
def project_id(sessions: Sessions) -> str:
    return Projects(sessions).ensure_project("first")


@pytest.fixture
def keys(sessions: Sessions) -> Idempotency:
    return Idempotency(sessions)


def begin(keys: Idempotency, project_id: str, body: str = BODY) -> IdempotencyClaim:
    claim = keys.begin(project_id, "key", body)
    assert isinstance(claim, IdempotencyClaim)
    return claim


def create(sessions: Sessions, claim: IdempotencyClaim) -> None:
    with sessions.begin() as session:
        fulfil(session, claim, status=201, resource=RESOURCE, location="/v1/things/1")


def shift(sessions: Sessions, **seconds: float) -> None:
    values = {name: db_now(plus_s) for name, plus_s in seconds.items()}
    with sessions.begin() as session:
        session.execute(update(IdempotencyKeyRow).values(values))


def test_the_answer_is_kept_as_it_was(
    sessions: Sessions, keys: Idempotency, project_id: str
) -> None:
    create(sessions, begin(keys, project_id))
    answer = Stored(201, RESOURCE.model_dump_json(), {"Location": "/v1/things/1"})
    assert keys.begin(project_id, "key", BODY) == answer
    assert keys.begin(project_id, "key", BODY) == answer


def test_a_key_with_another_body_is_refused(
    sessions: Sessions, keys: Idempotency, project_id: str
) -> None:
    claim = begin(keys, project_id)
    with pytest.raises(InvalidRequestError, match="idempotency_key_reused"):
        keys.begin(project_id, "key", OTHER_BODY)
    create(sessions, claim)
    with pytest.raises(InvalidRequestError, match="idempotency_key_reused"):
        keys.begin(project_id, "key", OTHER_BODY)


def test_a_key_in_flight_is_a_conflict(keys: Idempotency, project_id: str) -> None:
    begin(keys, project_id)
    with pytest.raises(ConflictError, match="idempotency_in_flight"):
        keys.begin(project_id, "key", BODY)


def test_keys_of_projects_are_apart(sessions: Sessions, keys: Idempotency, project_id: str) -> None:
    create(sessions, begin(keys, project_id))
    begin(keys, Projects(sessions).ensure_project("second"), OTHER_BODY)


def test_an_abandoned_key_is_free_for_a_corrected_call(keys: Idempotency, project_id: str) -> None:
    keys.abandon(begin(keys, project_id))
    begin(keys, project_id, OTHER_BODY)


def test_abandoning_late_takes_no_answer_away(
    sessions: Sessions, keys: Idempotency, project_id: str
) -> None:
    claim = begin(keys, project_id)
    create(sessions, claim)
    keys.abandon(claim)
    assert isinstance(keys.begin(project_id, "key", BODY), Stored)


def test_a_flight_that_ended_in_a_crash_is_taken_over_and_cannot_land(
    sessions: Sessions, keys: Idempotency, project_id: str
) -> None:
    crashed = keys.begin(project_id, "key", BODY, flight_s=-1.0)
    assert isinstance(crashed, IdempotencyClaim)
    successor = begin(keys, project_id)
    with pytest.raises(ConflictError):
        create(sessions, crashed)
    create(sessions, successor)


def test_of_many_at_once_one_may_create(keys: Idempotency, project_id: str) -> None:
    def attempt(_: int) -> bool:
        try:
            return isinstance(keys.begin(project_id, "key", BODY), IdempotencyClaim)
        except ConflictError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(32))) == 1


def test_old_keys_are_forgotten(sessions: Sessions, keys: Idempotency, project_id: str) -> None:
    create(sessions, begin(keys, project_id))
    assert keys.forget() == 0
    shift(sessions, created_at=-8 * 86_400.0)
    assert keys.forget() == 1
    begin(keys, project_id, OTHER_BODY)
