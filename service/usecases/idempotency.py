"""Idempotency keys: a creating call sent twice creates once and is answered twice."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, update

from service.errors import ConflictError, InvalidRequestError, Problem
from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import IdempotencyKeyRow

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from service.schemas.wire import Wire
    from service.store.db import Sessions

# Longer than any answer takes; a process that died in flight blocks its key so long. Parsing and
# storing an upload may take minutes. Who is overtaken all the same creates nothing: see `fulfil`.
FLIGHT_S = 30.0
UPLOAD_FLIGHT_S = 600.0
KEPT_S = 7 * 86_400.0


@dataclass(frozen=True)
class Stored:
    """The answer a key was given before: to be sent again as it is."""

    status: int
    body: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class IdempotencyClaim:
    """A key in flight: whoever holds this may create, once."""

    project_id: str
    key: str
    token: str


class Idempotency:
    """Begins and abandons keys; `fulfil` ends one inside the transaction that creates."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def begin(
        self, project_id: str, key: str, fingerprint: str, *, flight_s: float = FLIGHT_S
    ) -> Stored | IdempotencyClaim:
        """Take a key, or return the answer that it was given before.

        `fingerprint` is the SHA-256, in hexadecimal, of the method, path and body. After `flight_s`
        without an answer the key can be taken again.

        Raises:
            InvalidRequestError: `idempotency_key_reused`, the key came with another body before.
            ConflictError: `idempotency_in_flight`, the first call has no answer yet.
        """
        with self._sessions.begin() as session:
            claim = IdempotencyClaim(project_id, key, secrets.token_hex(16))
            if _take(session, claim, fingerprint, flight_s):
                return claim
            row = session.get(IdempotencyKeyRow, (project_id, key))
            if row is not None and row.fingerprint != fingerprint:
                raise _reused()
            if row is None or row.status is None or row.body is None:
                raise _in_flight()
            return Stored(row.status, row.body, row.headers or {})

    def abandon(self, claim: IdempotencyClaim) -> None:
        """Free a key whose call created nothing, so that a corrected call can use it."""
        with self._sessions.begin() as session:
            session.execute(delete(IdempotencyKeyRow).where(*_mine(claim)))

    def forget(self) -> int:
        """Delete keys older than a week; return how many."""
        with self._sessions.begin() as session:
            old = IdempotencyKeyRow.created_at < db_now(-KEPT_S)
            gone = delete(IdempotencyKeyRow).where(old).returning(IdempotencyKeyRow.key)
            return len(session.execute(gone).all())


def fulfil(
    session: Session,
    claim: IdempotencyClaim | None,
    *,
    status: int,
    resource: Wire,
    location: str,
) -> None:
    """Keep the answer to a creating call, in the transaction that creates; no claim, no record.

    Raises:
        ConflictError: the claim was overtaken, so the caller's transaction must not stand.
    """
    if claim is None:
        return
    answer = {
        "status": status,
        "body": resource.model_dump_json(),
        "headers": {"Location": location},
    }
    kept = update(IdempotencyKeyRow).where(*_mine(claim)).values(answer)
    if session.execute(kept.returning(IdempotencyKeyRow.key)).first() is None:
        raise _in_flight()


def _take(session: Session, claim: IdempotencyClaim, fingerprint: str, flight_s: float) -> bool:
    flight = {
        "fingerprint": fingerprint,
        "token": claim.token,
        "locked_until": db_now(flight_s),
        "created_at": db_now(),
    }
    identity = {"project_id": claim.project_id, "key": claim.key}
    taken = (
        upsert(session, IdempotencyKeyRow)
        .values(identity | flight)
        .on_conflict_do_update(
            index_elements=list(identity),
            set_=flight,
            where=and_(
                IdempotencyKeyRow.status.is_(None), IdempotencyKeyRow.locked_until < db_now()
            ),
        )
        .returning(IdempotencyKeyRow.token)
    )
    return session.execute(taken).first() is not None


def _mine(claim: IdempotencyClaim) -> tuple[ColumnElement[bool], ...]:
    return (
        IdempotencyKeyRow.project_id == claim.project_id,
        IdempotencyKeyRow.key == claim.key,
        IdempotencyKeyRow.token == claim.token,
        IdempotencyKeyRow.status.is_(None),
    )


def _reused() -> InvalidRequestError:
    detail = "This Idempotency-Key came with another request before; use a new one."
    return InvalidRequestError([Problem("", "idempotency_key_reused", detail)])


def _in_flight() -> ConflictError:
    detail = "A request with this Idempotency-Key is under way; try again shortly."
    return ConflictError("idempotency_in_flight", detail)
