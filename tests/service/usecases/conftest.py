"""A small world: a project with a table, and the use cases on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.settings import Limits
from service.store.blobs import Blobs
from service.usecases import bells
from tests.service.usecases.parentage import ended_run
from tests.service.usecases.world import RememberingBroker, World

if TYPE_CHECKING:
    from service.schemas.runs import Run
    from service.store.db import Sessions


@pytest.fixture
def broker() -> RememberingBroker:
    """A broker that remembers what was rung, and can be away or lose its data."""
    return RememberingBroker()


@pytest.fixture(autouse=True)
def _patient_bells(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine a test takes longer than the second after which a first bell is repeated.
    monkeypatch.setattr(bells, "ONCE_MORE_S", bells.AGAIN_S)


@pytest.fixture
def world(sessions: Sessions, broker: RememberingBroker) -> World:
    """A project with a table of five rows, on each database in turn."""
    return World(sessions, Blobs(), broker, Limits.model_validate({}))


@pytest.fixture
def parent(world: World) -> Run:
    """A run that ended after ten epochs, of which it knew the eighth as the best."""
    return ended_run(world)
