from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from service.cli.connection import find_connection
from service.settings import SettingsError
from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer, problem, sse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.cli.conftest import Slope
    from tests.service.client.scripted_server import ScriptedServer

RUNS = "/v1/runs"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "api-key").write_text("slope_from_the_folder\n")
    return tmp_path


def test_this_machines_key_is_found_in_the_state_folder(state: Path) -> None:
    found = find_connection({"SLOPE_STATE_DIR": str(state)}, url=None, api_key=None)
    assert (found.url, found.api_key) == ("http://127.0.0.1:8000", "slope_from_the_folder")


def test_the_port_of_the_service_is_the_port_of_its_users(state: Path) -> None:
    environ = {"SLOPE_STATE_DIR": str(state), "SLOPE_PORT": "8123"}
    assert find_connection(environ, url=None, api_key=None).url == "http://127.0.0.1:8123"


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "http://127.0.0.2:1"])
def test_every_address_of_this_machine_gets_the_key(state: Path, url: str) -> None:
    environ = {"SLOPE_STATE_DIR": str(state)}
    assert find_connection(environ, url=url, api_key=None).api_key == "slope_from_the_folder"


@pytest.mark.parametrize("url", ["https://slope.example.org", "http://127.0.0.1.example.org"])
def test_this_machines_key_goes_to_no_other(state: Path, url: str) -> None:
    environ = {"SLOPE_STATE_DIR": str(state)}
    assert find_connection(environ, url=url, api_key=None).api_key is None


def test_a_key_that_is_given_wins(state: Path) -> None:
    environ = {"SLOPE_STATE_DIR": str(state)}
    assert find_connection(environ, url=None, api_key="slope_mine").api_key == "slope_mine"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://example.org", "http://"])
def test_what_is_no_address_is_a_setting_that_cannot_be_used(state: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="SLOPE_URL"):
        find_connection({"SLOPE_STATE_DIR": str(state)}, url=url, api_key=None)


def test_a_misspelt_setting_is_exit_code_2(
    server: ScriptedServer, slope: Slope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOPE_PROT", "8000")
    ended = slope("runs")
    assert ended.code == 2
    assert "SLOPE_PROT" in ended.err
    assert server.received == []


@pytest.mark.parametrize("arguments", [["dance"], ["train"], ["runs", "get"], ["runs", "--what"]])
def test_wrong_usage_is_exit_code_2(
    server: ScriptedServer, slope: Slope, arguments: list[str]
) -> None:
    assert slope(*arguments).code == 2
    assert server.received == []


def test_a_service_that_does_not_answer_is_exit_code_3(
    server: ScriptedServer, slope: Slope
) -> None:
    away = problem(503, "unavailable", headers={"Retry-After": "0"})
    server.on("GET", RUNS, away)
    assert slope("runs").code == 3
    server.on("GET", RUNS, Answer(b"[]"))
    assert slope("runs").code == 3


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_refusal_is_exit_code_4(server: ScriptedServer, slope: Slope, status: int) -> None:
    server.on("GET", RUNS, problem(status, "no"))
    assert slope("runs").code == 4


def test_a_refusal_is_json_too_where_that_is_asked_for(
    server: ScriptedServer, slope: Slope
) -> None:
    server.on("GET", f"{RUNS}/run_x", problem(404, "not_found"))
    ended = slope("runs", "get", "run_x", "--json")
    assert ended.code == 4
    assert ended.json()["error"]["code"] == "not_found"
    assert "not_found" in ended.err


def test_a_missing_key_tells_how_to_give_one(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", RUNS, problem(401, "unauthenticated"))
    assert "SLOPE_API_KEY" in slope("runs").err


def test_control_c_leaves_the_run_and_ends_with_130(server: ScriptedServer) -> None:
    server.on("GET", f"{RUNS}/{wire.RUN_ID}", Answer(wire.run("running")))
    server.on("GET", f"{RUNS}/{wire.RUN_ID}/events", sse(wire.epoch_event(1, 1)))
    command = [sys.executable, "-m", "service.cli", "watch", wire.RUN_ID]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stderr is not None
        assert "epoch 1/4" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert f"slope runs cancel {wire.RUN_ID}" in rest
    assert "Traceback" not in rest
