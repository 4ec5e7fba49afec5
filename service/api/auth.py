"""Who may pass: the key of a request, its scope, its share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from service.errors import ForbiddenError, UnauthenticatedError
from service.usecases.projects import Principal

if TYPE_CHECKING:
    from starlette.types import Scope

    from service.api.rates import Rates
    from service.clock import Clock
    from service.usecases.projects import Projects

Permission = Literal["read", "write"]

# A revoked key is refused after at most so long.
CACHE_SECONDS = 5.0
_MAX_CACHED = 10_000


class Gate:
    """Admits a request: whose is it, may it, has it come too often.

    `everyone` is the principal of all requests where authentication is off.
    """

    def __init__(
        self, projects: Projects, rates: Rates, clock: Clock, *, everyone: Principal | None = None
    ) -> None:
        self._projects = projects
        self._rates = rates
        self._clock = clock
        self._everyone = everyone
        self._known: dict[bytes, tuple[Principal, float]] = {}

    async def admit(self, scope: Scope, permission: Permission) -> Principal:
        """Return the principal of a request.

        Raises:
            UnauthenticatedError: no key, or none that is valid.
            ForbiddenError: the key lacks the scope.
            QuotaExceededError: too many requests of the key, or refused ones of the address.
        """
        principal = self._everyone or await self._principal(scope)
        if permission not in principal.scopes:
            raise ForbiddenError(permission)
        self._rates.count_request(principal.key_id)
        return principal

    async def _principal(self, scope: Scope) -> Principal:
        try:
            secret = _bearer(scope)
            digest = hashlib.sha256(secret).digest()
            return self._recall(digest) or await self._ask(secret, digest)
        except UnauthenticatedError:
            # Only refusals are counted: a valid key passes whatever others behind the same
            # address do, and 256 bits are not guessed at any rate.
            client = scope.get("client")
            self._rates.count_refusal(client[0] if client else "")
            raise

    def _recall(self, digest: bytes) -> Principal | None:
        known = self._known.get(digest)
        if known is None or known[1] <= self._clock.monotonic_s():
            return None
        return known[0]

    async def _ask(self, secret: bytes, digest: bytes) -> Principal:
        principal = await run_in_threadpool(self._projects.authenticate, secret.decode("ascii"))
        if len(self._known) >= _MAX_CACHED:
            self._known.clear()
        self._known[digest] = (principal, self._clock.monotonic_s() + CACHE_SECONDS)
        return principal


def _bearer(scope: Scope) -> bytes:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        raise UnauthenticatedError
    scheme, _, secret = values[0].partition(b" ")
    if scheme.lower() != b"bearer" or not secret.isascii() or not 0 < len(secret) <= 256:
        raise UnauthenticatedError
    return bytes(secret)


async def _reader(request: Request) -> Principal:
    return await _gate(request).admit(request.scope, "read")


async def _writer(request: Request) -> Principal:
    return await _gate(request).admit(request.scope, "write")


def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.parts.gate
    return gate


Reader = Annotated[Principal, Depends(_reader)]
Writer = Annotated[Principal, Depends(_writer)]
