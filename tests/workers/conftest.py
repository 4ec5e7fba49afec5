from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from service.settings import Limits
from service.store.blobs import Blobs
from tests.service.usecases.world import RememberingBroker, World
from tests.workers.attempts import (
    add_line,
)

if TYPE_CHECKING:
    from service.store.db import Sessions


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], bytes]:
    """The profile and the Parquet of y = 2 x + 1 with a column that names each row."""
    folder = tmp_path_factory.mktemp("line")
    rows = [f"{x / 10},row {x},{2 * x / 10 + 1}" for x in range(60)]
    (folder / "line.csv").write_text("\n".join(["x,name,y", *rows]))
    result = subprocess.run(
        [
            *(sys.executable, "-m", "workers.tabular.ingest", folder / "line.csv"),
            *("--out", folder / "line.parquet", "--options", "{}"),
        ],
        capture_output=True,
        check=True,
    )
    return json.loads(result.stdout), (folder / "line.parquet").read_bytes()


@pytest.fixture
def world(sessions: Sessions, line: tuple[dict[str, Any], bytes]) -> World:
    it = World(sessions, Blobs(), RememberingBroker(), Limits.model_validate({}))
    it.dataset_id = add_line(it, *line)
    return it
