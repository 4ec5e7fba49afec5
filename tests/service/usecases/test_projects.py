"""Projects and keys: who is let in, and who is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from service.errors import InvalidRequestError, NotFoundError, UnauthenticatedError
from service.store.instants import db_now
from service.store.tables import ApiKeyRow
from service.usecases.projects import Projects, new_secret

if TYPE_CHECKING:
    from service.store.db import Sessions


@pytest.fixture
def projects(sessions: Sessions) -> Projects:
    return Projects(sessions)


def test_a_key_opens_its_own_project(projects: Projects) -> None:
    key_id, secret = projects.create_key("first", ["read"])
    principal = projects.authenticate(secret)
    assert principal.key_id == key_id
    assert principal.project_id == projects.ensure_project("first")
    assert principal.scopes == {"read"}
    assert projects.ensure_project("second") != principal.project_id


def test_the_secret_itself_is_stored_nowhere(sessions: Sessions, projects: Projects) -> None:
    _, secret = projects.create_key("first")
    with sessions.read() as session:
        [row] = session.scalars(select(ApiKeyRow))
        stored = " ".join(str(getattr(row, column.name)) for column in ApiKeyRow.__table__.columns)
    assert secret.removeprefix("slope_")[11:] not in stored


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: "",
        lambda _: "slope_",
        lambda secret: secret[:-1],
        lambda secret: secret + "0",
        lambda secret: secret[:30] + ("a" if secret[30] != "a" else "b") + secret[31:],
        lambda secret: secret.upper(),
        lambda secret: secret[:-1] + "é",
        lambda _: new_secret(),
    ],
)
def test_anything_but_the_key_is_refused(projects: Projects, forge: object) -> None:
    _, secret = projects.create_key("first")
    assert callable(forge)
    with pytest.raises(UnauthenticatedError):
        projects.authenticate(forge(secret))


def test_a_revoked_key_is_refused(projects: Projects) -> None:
    key_id, secret = projects.create_key("first")
    projects.revoke(key_id)
    with pytest.raises(UnauthenticatedError):
        projects.authenticate(secret)
    with pytest.raises(NotFoundError):
        projects.revoke("key_unknown")


def test_an_expired_key_is_refused(sessions: Sessions, projects: Projects) -> None:
    _, secret = projects.create_key("first")
    for expires_at, is_valid in ((db_now(60.0), True), (db_now(-1.0), False)):
        with sessions.begin() as session:
            session.execute(update(ApiKeyRow).values(expires_at=expires_at))
        if is_valid:
            projects.authenticate(secret)
        else:
            with pytest.raises(UnauthenticatedError):
                projects.authenticate(secret)


def test_a_key_from_a_secret_file_is_adopted_once(projects: Projects) -> None:
    secret = new_secret()
    first = projects.adopt_key("first", secret)
    assert projects.adopt_key("first", secret) == first
    assert projects.authenticate(secret).key_id == first
    with pytest.raises(InvalidRequestError, match="malformed_key"):
        projects.adopt_key("first", "hunter2")


@pytest.mark.parametrize("scopes", [[], ["everything"], ["read", "everything"]])
def test_unknown_scopes_are_refused(projects: Projects, scopes: list[str]) -> None:
    with pytest.raises(InvalidRequestError, match="unknown_scope"):
        projects.create_key("first", scopes)


def test_no_two_keys_are_alike() -> None:
    assert len({new_secret() for _ in range(1000)}) == 1000
