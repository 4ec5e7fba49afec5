"""Traces take turns, so that a process answers other requests beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.errors import InvalidRequestError, UnavailableError
from service.schemas.trace import TraceRequest
from service.settings import Limits
from service.store.blobs import Blobs
from service.usecases.traces import Traces

if TYPE_CHECKING:
    from tests.service.usecases.world import World

ROWS = [{"x": 1.0, "y": 3.0}, {"x": 2.0, "y": 5.5}]
LIMITS = Limits.model_validate({})


def _wish(target: str = "y") -> TraceRequest:
    return TraceRequest.model_validate({"network": {"layers": []}, "target": target, "rows": ROWS})


def test_who_gets_no_turn_is_asked_to_come_back(world: World) -> None:
    traces = Traces(world.sessions, Blobs(), LIMITS, at_once=0, turn_s=0.0)
    with pytest.raises(UnavailableError) as caught:
        traces.trace(world.project_id, _wish())
    assert caught.value.retry_after_s > 0


def test_a_turn_comes_back_however_it_ends(world: World) -> None:
    traces = Traces(world.sessions, Blobs(), LIMITS, at_once=1, turn_s=0.0)
    for _ in range(3):
        with pytest.raises(InvalidRequestError):
            traces.trace(world.project_id, _wish("z"))
        assert traces.trace(world.project_id, _wish()).rows == 2
