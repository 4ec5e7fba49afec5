"""Projects and their keys: who may do what."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from service.errors import InvalidRequestError, NotFoundError, Problem, UnauthenticatedError
from service.ids import new_id
from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import ApiKeyRow, ProjectRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from service.store.db import Sessions

SCOPES = frozenset(("read", "write"))

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LOOKUP_LENGTH = 10
_SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
_CRC_LENGTH = 6
_KEY_LENGTH = len("slope_") + _LOOKUP_LENGTH + 1 + _SECRET_LENGTH + _CRC_LENGTH

# Compared with when no key is found, so that an unknown key takes as long as a wrong one.
_NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class Principal:
    """Who calls: every query of the call is about this project alone."""

    project_id: str
    key_id: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class Key:
    """A key as operators see it; `beginning` is the part of it that opens nothing."""

    id: str
    beginning: str
    project: str
    scopes: tuple[str, ...]
    revoked_at: datetime | None


class Projects:
    """Makes projects and keys, and recognises keys."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def authenticate(self, secret: str) -> Principal:
        """Return whom a key belongs to.

        Raises:
            UnauthenticatedError: malformed, unknown, expired or revoked; never says which.
        """
        lookup = _lookup(secret)
        if lookup is None:
            raise UnauthenticatedError
        live = or_(ApiKeyRow.expires_at.is_(None), ApiKeyRow.expires_at > db_now())
        query = select(ApiKeyRow).where(
            ApiKeyRow.lookup == lookup, ApiKeyRow.revoked_at.is_(None), live
        )
        with self._sessions.read() as session:
            row = session.scalar(query)
        if not hmac.compare_digest(row.digest if row else _NO_DIGEST, _digest(secret)) or not row:
            raise UnauthenticatedError
        return Principal(row.project_id, row.id, frozenset(row.scopes))

    def ensure_project(self, name: str) -> str:
        """Return the id of the project of this name, making it where there is none."""
        with self._sessions.begin() as session:
            return _ensure_project(session, name)

    def limit(self, name: str, runs_running: int | None) -> None:
        """Set how many runs of a project may train at once; None is what the service allows.

        Runs under way go on; a lower number holds for those that start from now on.

        Raises:
            NotFoundError: there is no such project.
            InvalidRequestError: fewer than one.
        """
        if runs_running is not None and runs_running < 1:
            detail = "At least one run trains at a time."
            raise InvalidRequestError([Problem("/running", "out_of_range", detail, 1)])
        limited = update(ProjectRow).where(ProjectRow.name == name)
        with self._sessions.begin() as session:
            changed = session.execute(
                limited.values(runs_running=runs_running).returning(ProjectRow.id)
            )
            if changed.first() is None:
                raise NotFoundError("project")

    def limits(self) -> list[tuple[str, int | None]]:
        """Return every project's name and the limit that its operator set, by name."""
        query = select(ProjectRow.name, ProjectRow.runs_running).order_by(ProjectRow.name)
        with self._sessions.read() as session:
            return [(name, running) for name, running in session.execute(query)]

    def create_key(self, project: str, scopes: Iterable[str] = SCOPES) -> tuple[str, str]:
        """Make a key for the project of this name; return its id and the secret, once."""
        secret = new_secret()
        return self.adopt_key(project, secret, scopes), secret

    def adopt_key(self, project: str, secret: str, scopes: Iterable[str] = SCOPES) -> str:
        """Register a key made elsewhere by `new_secret`; doing it again changes nothing.

        Raises:
            InvalidRequestError: it is no key of our shape, or a scope is unknown.
        """
        lookup = _lookup(secret)
        if lookup is None:
            detail = "A key looks like slope_<10>_<49> and ends with its own checksum."
            raise InvalidRequestError([Problem("/key", "malformed_key", detail)])
        checked = _checked(scopes)
        with self._sessions.begin() as session:
            inserted = upsert(session, ApiKeyRow).values(
                id=new_id("key"),
                project_id=_ensure_project(session, project),
                lookup=lookup,
                digest=_digest(secret),
                scopes=checked,
                created_at=db_now(),
            )
            session.execute(inserted.on_conflict_do_nothing(index_elements=["lookup"]))
            return session.scalars(select(ApiKeyRow.id).where(ApiKeyRow.lookup == lookup)).one()

    def all_keys(self) -> list[Key]:
        """Return all keys, oldest first, without what opens anything."""
        query = select(ApiKeyRow, ProjectRow.name).join(
            ProjectRow, ProjectRow.id == ApiKeyRow.project_id
        )
        with self._sessions.read() as session:
            return [
                Key(row.id, f"slope_{row.lookup}_", project, tuple(row.scopes), row.revoked_at)
                for row, project in session.execute(query.order_by(ApiKeyRow.id))
            ]

    def revoke(self, name: str) -> str:
        """End a key's validity; `name` is its id, its beginning (slope_<10>_), or all of it.

        Returns:
            The key's id.

        Raises:
            NotFoundError: there is no such key.
        """
        with self._sessions.begin() as session:
            # Nothing is opened by it, so the part that is not secret suffices.
            lookup = name.removeprefix("slope_").split("_", 1)[0]
            is_named = or_(ApiKeyRow.id == name, ApiKeyRow.lookup == lookup)
            ended = update(ApiKeyRow).where(is_named).values(revoked_at=db_now())
            key_id: str | None = session.scalar(ended.returning(ApiKeyRow.id))
        if key_id is None:
            raise NotFoundError("key")
        return key_id


def new_secret() -> str:
    """Return a fresh key: slope_<id to find it by>_<256 random bits><checksum>."""
    lookup = "".join(secrets.choice(_BASE32) for _ in range(_LOOKUP_LENGTH))
    secret = "".join(secrets.choice(_BASE62) for _ in range(_SECRET_LENGTH))
    body = f"slope_{lookup}_{secret}"
    return body + _checksum(body)


def _lookup(secret: str) -> str | None:
    # The checksum turns away typing errors and junk without a query, and lets scanners of
    # leaked secrets tell a key from noise; it protects nothing.
    if len(secret) != _KEY_LENGTH or not secret.isascii() or not secret.startswith("slope_"):
        return None
    body, checksum = secret[:-_CRC_LENGTH], secret[-_CRC_LENGTH:]
    if not hmac.compare_digest(_checksum(body), checksum):
        return None
    return secret.split("_", 2)[1]


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), []
    for _ in range(_CRC_LENGTH):
        number, digit = divmod(number, len(_BASE62))
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))


def _digest(secret: str) -> str:
    # One plain hash: 256 random bits cannot be guessed, and a slow hash would be paid per request.
    return hashlib.sha256(secret.encode()).hexdigest()


def _checked(scopes: Iterable[str]) -> list[str]:
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown or not wanted:
        detail = f"Scopes are {', '.join(sorted(SCOPES))}."
        raise InvalidRequestError([Problem("/scopes", "unknown_scope", detail)])
    return wanted


def _ensure_project(session: Session, name: str) -> str:
    row = {"id": new_id("prj"), "name": name, "created_at": db_now()}
    inserted = upsert(session, ProjectRow).values(row)
    session.execute(inserted.on_conflict_do_nothing(index_elements=["name"]))
    return session.scalars(select(ProjectRow.id).where(ProjectRow.name == name)).one()
