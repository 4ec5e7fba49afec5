"""Creating calls: answered once for each Idempotency-Key, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from service.errors import MalformedParameterError, Problem
from service.usecases.idempotency import FLIGHT_S, Stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.api.parts import Parts
    from service.schemas.datasets import Dataset
    from service.schemas.networks import Network
    from service.schemas.runs import Run
    from service.usecases.idempotency import IdempotencyClaim
    from service.usecases.projects import Principal

    Resource = Dataset | Network | Run

MAX_KEY_LENGTH = 255


async def _key(request: Request) -> str | None:
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    key = values[0]
    is_plain = key.isascii() and key.isprintable()
    if len(values) > 1 or not 1 <= len(key) <= MAX_KEY_LENGTH or not is_plain:
        detail = "Send one key of printable ASCII characters."
        problem = Problem(
            "/header/Idempotency-Key", "idempotency_key_invalid", detail, MAX_KEY_LENGTH
        )
        raise MalformedParameterError([problem])
    return key


IdempotencyKey = Annotated[str | None, Depends(_key)]


class Creation:
    """One creating call: who calls, under which key, with which body."""

    def __init__(
        self,
        parts: Parts,
        principal: Principal,
        key: str | None,
        fingerprint: str,
        flight_s: float = FLIGHT_S,
    ) -> None:
        self._idempotency = parts.idempotency
        self._project_id = principal.project_id
        self._key = key
        self._fingerprint = fingerprint
        self._flight_s = flight_s

    def answer(
        self, status: int, path: str, create: Callable[[IdempotencyClaim | None], Resource]
    ) -> Response:
        """Create and answer, or give the answer that the key was given before.

        Raises:
            InvalidRequestError: the key came with another body before.
            ConflictError: the first call with this key has no answer yet.
        """
        if self._key is None:
            return _created(status, path, create(None))
        found = self._idempotency.begin(
            self._project_id, self._key, self._fingerprint, flight_s=self._flight_s
        )
        if isinstance(found, Stored):
            headers = {**found.headers, "Idempotency-Replayed": "true"}
            return Response(found.body, found.status, headers, "application/json")
        try:
            return _created(status, path, create(found))
        except BaseException:
            # Nothing was created, or its record would stand: a corrected call may use the key.
            self._idempotency.abandon(found)
            raise


def _created(status: int, path: str, resource: Resource) -> Response:
    headers = {"Location": f"{path}/{resource.id}"}
    return Response(resource.model_dump_json(), status, headers, "application/json")
