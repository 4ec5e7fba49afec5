"""The API as a process: what it refuses to start with, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from service.store.db import Sessions, make_engine
from service.usecases.projects import Projects
from tests.servers.processes import free_port
from tests.service.api.conftest import FLOWERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_S = 20.0


def _environ(folder: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLOPE_")}
    return {**kept, "SLOPE_STATE_DIR": str(folder), **settings}


def _start(folder: Path, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "service.app"],
        env=_environ(folder, **settings),
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=["1", "2"], ids=["one process", "two processes"])
def served(
    request: pytest.FixtureRequest, tmp_path: Path, sqlite_url: str
) -> Iterator[tuple[subprocess.Popen[str], httpx2.Client]]:
    """The process, serving on a free port, with a client that has a key."""
    sessions = Sessions(make_engine(sqlite_url))
    key = Projects(sessions).create_key("ours")[1]
    sessions.dispose()
    port = free_port()
    process = _start(tmp_path, SLOPE_PORT=str(port), SLOPE_API_PROCESSES=request.param)
    base_url = f"http://127.0.0.1:{port}"
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=base_url, headers=headers, timeout=20.0) as client:
        _wait_for(client)
        yield process, client
    # In order, because a second process would outlive one that is killed.
    process.terminate()
    process.communicate(timeout=START_S)


def _wait_for(client: httpx2.Client) -> None:
    end_s = time.monotonic() + START_S
    while True:
        try:
            if client.get("/livez").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        if time.monotonic() > end_s:
            raise TimeoutError("the API does not answer")
        time.sleep(0.02)


def test_it_ends_in_order_with_a_stream_open(
    served: tuple[subprocess.Popen[str], httpx2.Client],
) -> None:
    process, client = served
    dataset = client.post("/v1/datasets", files={"file": ("f.csv", FLOWERS.encode())}).json()
    run = client.post("/v1/runs", json={"dataset_id": dataset["id"], "target": "kind"}).json()
    begun = threading.Event()

    def listen() -> None:
        path = f"/v1/runs/{run['id']}/events"
        with client.stream("GET", path, headers={"Accept": "text/event-stream"}) as stream:
            for _ in stream.iter_lines():
                begun.set()

    listener = threading.Thread(target=listen)
    listener.start()
    assert begun.wait(10.0)
    started_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(10.0)
    listener.join(10.0)
    assert time.monotonic() - started_s < 4.0
    assert not listener.is_alive()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"SLOPE_PROT": "8000"}, "SLOPE_PROT"),
        ({"SLOPE_PORT": "many"}, "SLOPE_PORT"),
        ({"SLOPE_AUTH": "off", "SLOPE_HOST": "0.0.0.0"}, "SLOPE_AUTH"),  # noqa: S104
    ],
)
def test_a_setting_that_cannot_be_used_is_one_line_and_exit_code_2(
    tmp_path: Path, settings: dict[str, str], word: str
) -> None:
    process = _start(tmp_path, **settings)
    _, said = process.communicate(timeout=START_S)
    assert process.returncode == 2
    assert word in said
    assert len(said.splitlines()) == 1


def test_it_computes_with_one_blas_thread_whatever_the_environment_says(tmp_path: Path) -> None:
    code = "import service.app as app; app._check_threads(); print('one')"
    environ = _environ(tmp_path, OPENBLAS_NUM_THREADS="4")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout == "one\n", done.stderr
