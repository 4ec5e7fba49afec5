from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.api import catalog_examples, examples, replay_examples, report_examples
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


def test_the_service_tells_how_it_stands(server: ScriptedServer, slope: Slope) -> None:
    workers: Any = examples.STATUS["workers"]
    worker = workers[0] | {"deaf": True}
    server.on("GET", "/v1/status", Answer(examples.STATUS | {"broker": False, "workers": [worker]}))
    lines = [line.split() for line in slope("status").out.splitlines()]
    assert ["broker", "away"] in lines
    assert ["longest", "wait", "1.2", "s"] in lines
    assert ["runs", "3", "queued,", "2", "running,", "41", "succeeded"] in lines
    assert (lines[-1][:2], lines[-1][-1]) == (["slope.cpu", "2"], "deaf")
    assert slope("status", "--json").json()["workers"][0]["slots"] == 2


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


@pytest.mark.parametrize("verb", ["pause", "resume", "stop"])
def test_a_run_is_told_what_its_owner_wishes(
    server: ScriptedServer, slope: Slope, verb: str
) -> None:
    server.on("POST", f"{RUN}/{verb}", Answer(wire.run("running", requested="pause")))
    assert "asked to pause" in slope("runs", verb, wire.RUN_ID).out
    assert slope("runs", verb, wire.RUN_ID, "--json").json()["requested"] == "pause"


def test_a_run_is_continued_from_its_newest_checkpoint(
    server: ScriptedServer, slope: Slope
) -> None:
    page = {"data": [examples.CHECKPOINT], "next": None}
    server.on("GET", f"{RUN}/checkpoints", Answer(page))
    server.on("POST", "/v1/runs", Answer(wire.run("queued"), status=202))
    ended = slope("runs", "continue", wire.RUN_ID, "--epochs", "9", "--name", "line", "--json")
    assert ended.code == 0
    assert server.received[-1].json() == {
        "parent": {"checkpoint_id": examples.CHECKPOINT["id"], "mode": "continue"},
        "training": {"epochs": 9},
        "model": "line",
    }
    slope("runs", "continue", "ckpt_x")
    assert server.received[-1].json() == {"parent": {"checkpoint_id": "ckpt_x", "mode": "continue"}}


def test_a_run_without_checkpoints_cannot_be_continued(
    server: ScriptedServer, slope: Slope
) -> None:
    server.on("GET", f"{RUN}/checkpoints", Answer({"data": [], "next": None}))
    assert slope("runs", "continue", wire.RUN_ID).code == 2


def test_a_repetition_is_awaited_and_its_exit_code_tells(
    server: ScriptedServer, slope: Slope
) -> None:
    server.on("POST", f"{RUN}/replay", Answer(wire.run("queued"), status=202))
    different = wire.replay(epoch=2, recorded=0.5, replayed="nan")
    server.on("GET", RUN, Answer(wire.replay()), Answer(different))
    same = slope("runs", "replay", wire.RUN_ID, "--from", "ckpt_x")
    assert (same.code, "bit for bit the same" in same.out) == (0, True)
    assert server.received[0].json() == {"from": "ckpt_x"}
    other = slope("runs", "replay", wire.RUN_ID)
    assert other.code == 1
    assert "val_loss of epoch 2 is different: recorded 0.5, now nan" in other.out
    assert slope("runs", "replay", wire.RUN_ID, "--no-wait", "--json").code == 0


def test_provenance_is_shown(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", f"{RUN}/provenance", Answer(replay_examples.PROVENANCE))
    shown = slope("runs", "provenance", wire.RUN_ID).out
    assert f"sha256 {replay_examples.PROVENANCE['spec_sha256']}" in shown
    assert "ended by max_epochs" in shown
    assert "with other bits" in shown
    assert slope("runs", "provenance", wire.RUN_ID, "--json").json()["reproducible"] is True


def test_a_report_is_shown(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", f"{RUN}/report", Answer(report_examples.REPORT))
    shown = slope("runs", "report", wire.RUN_ID).out
    lines = [line.split() for line in shown.splitlines()]
    assert ["validation", "(linear)", "0.86", "0.84", "0.34", "-", "-", "-"] in lines
    assert "good: It does on other rows" in shown
    assert ["age", "0.31", "0.04"] in lines
    assert ["90%", "0.44", "-", "-"] in lines
    assert ["max_f1", "0.5", "validation", "0.882", "0.833", "0.857", "0.885"] in lines
    found = slope("runs", "report", wire.RUN_ID, "--json").json()
    assert found == report_examples.REPORT


def test_a_report_says_what_is_not_in_it(server: ScriptedServer, slope: Slope) -> None:
    lacking = {name: {"reason": "There are no rows."} for name in ("importance", "conformal")}
    old = {name: report_examples.REPORT[name] for name in ("task", "rows", "validation", "test")}
    constant = {"constant": report_examples.REPORT["baselines"]["constant"]}
    server.on("GET", f"{RUN}/report", Answer(old | {"baselines": constant} | lacking))
    shown = slope("runs", "report", wire.RUN_ID).out
    assert "no importances: There are no rows." in shown
    assert "HOLDS THE TRUTH" not in shown


def test_models_are_listed_and_shown(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", "/v1/models", Answer({"data": [wire.model()], "next": None}))
    server.on("GET", "/v1/models/line:1", Answer(wire.model()))
    assert "line:1" in slope("models").out
    shown = slope("models", "get", "line:1")
    assert "categorical" in shown.out
    assert slope("models", "list", "--json").json()[0]["id"] == wire.MODEL_ID
