from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import stamina

from service.client import Client
from tests.service.client.scripted_server import scripted_server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.client.scripted_server import ScriptedServer


@pytest.fixture(autouse=True)
def _quiet_retries() -> Iterator[None]:
    stamina.instrumentation.set_on_retry_hooks(())
    yield
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[Client]:
    with Client(server.url, "slope_secret", backoff_s=0.01, timeout_s=5.0) as client:
        yield client
