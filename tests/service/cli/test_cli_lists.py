from __future__ import annotations

from typing import TYPE_CHECKING

from service.api import catalog_examples
from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer

if TYPE_CHECKING:
    from tests.service.cli.conftest import Slope
    from tests.service.client.scripted_server import ScriptedServer

RUN = f"/v1/runs/{wire.RUN_ID}"


def test_runs_are_listed_by_default(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", "/v1/runs", Answer({"data": [wire.run()], "next": None}))
    header, row = slope("runs").out.splitlines()
    assert header.split() == ["RUN", "STATUS", "TARGET", "EPOCH", "METRICS"]
    assert row.split()[:4] == [wire.RUN_ID, "succeeded", "y", "4/4"]
    assert slope("runs", "--json").json()[0]["id"] == wire.RUN_ID


def test_a_catalogue_is_listed_whole_or_by_name(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", "/v1/catalog/losses", Answer(catalog_examples.LOSSES))
    name, *lines = slope("catalog", "losses", "huber").out.splitlines()
    assert name == "huber"
    assert "  tasks: regression" in lines
    assert "  delta: number, above 0, at most 1e+06, default 1.0" in lines
    assert slope("catalog", "losses", "--json").json()[0]["source"] == "Huber 1964"
    unknown = slope("catalog", "losses", "lucky")
    assert (unknown.code, "lucky" in unknown.err, "huber" in unknown.err) == (2, True, True)


def test_no_more_runs_are_fetched_than_are_shown(server: ScriptedServer, slope: Slope) -> None:
    page = {"data": [wire.run(), wire.run()], "next": wire.RUN_ID}
    server.on("GET", "/v1/runs", Answer(page))
    listed = slope("runs", "list", "--limit", "3", "--status", "succeeded", "--json").json()
    assert len(listed) == 3
    assert [r.query.get("after") for r in server.received] == [None, wire.RUN_ID]
    assert server.received[0].query == {"limit": "3", "status": "succeeded"}


def test_a_run_is_shown_and_cancelled(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", RUN, Answer(wire.run("running")))
    server.on("POST", f"{RUN}/cancel", Answer(wire.run("cancelled")))
    assert "running" in slope("runs", "get", wire.RUN_ID).out
    assert slope("runs", "cancel", wire.RUN_ID, "--json").json()["status"] == "cancelled"


def test_models_are_listed_and_shown(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", "/v1/models", Answer({"data": [wire.model()], "next": None}))
    server.on("GET", "/v1/models/line:1", Answer(wire.model()))
    assert "line:1" in slope("models").out
    shown = slope("models", "get", "line:1")
    assert "categorical" in shown.out
    assert slope("models", "list", "--json").json()[0]["id"] == wire.MODEL_ID
