from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import stamina

from service.cli import main
from tests.service.client.scripted_server import scripted_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.service.client.scripted_server import ScriptedServer


@dataclass
class Ended:
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Slope = Callable[..., Ended]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    monkeypatch.setenv("SLOPE_STATE_DIR", str(tmp_path / "state"))
    with scripted_server() as server:
        monkeypatch.setenv("SLOPE_URL", server.url)
        yield server


@pytest.fixture
def slope(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Slope]:
    monkeypatch.delenv("SLOPE_API_KEY", raising=False)

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["slope", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    yield run
    stamina.instrumentation.set_on_retry_hooks(None)
