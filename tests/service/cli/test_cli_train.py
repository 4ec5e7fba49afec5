from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer, problem, sse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.cli.conftest import Slope
    from tests.service.client.scripted_server import ScriptedServer

RUN = f"/v1/runs/{wire.RUN_ID}"
EVENTS = f"{RUN}/events"


@pytest.fixture
def table(tmp_path: Path) -> str:
    path = tmp_path / "line.csv"
    path.write_text("x,y\n0,1\n1,3\n")
    return str(path)


def _will_end(server: ScriptedServer, status: str, **changes: Any) -> None:
    server.on("POST", "/v1/datasets", Answer(wire.dataset(), status=201))
    server.on("POST", "/v1/runs", Answer(wire.run("queued"), status=202))
    epochs = [wire.epoch_event(seq, seq - 1) for seq in range(2, 6)]
    ended = wire.status_event(6, status)
    server.on("GET", EVENTS, sse(wire.status_event(1, "running"), *epochs, ended))
    server.on("GET", RUN, Answer(wire.run(status, **changes)))
    curves = {"epochs": [1, 2], "series": {"train_loss": [1.0, 0.25]}, "nonfinite": {}}
    server.on("GET", f"{RUN}/metrics", Answer(curves))


def _wish(server: ScriptedServer) -> Any:
    return next(r.json() for r in server.received if (r.method, r.path) == ("POST", "/v1/runs"))


def test_training_uploads_starts_and_shows(
    server: ScriptedServer, slope: Slope, table: str
) -> None:
    _will_end(server, "succeeded")
    ended = slope("train", table, "--target", "y")
    assert ended.code == 0
    assert _wish(server) == {"dataset_id": wire.DATASET_ID, "target": "y"}
    lines = ended.err.splitlines()
    assert [line.split()[1] for line in lines] == ["1/4", "2/4", "3/4", "4/4"]
    assert "loss 0.25" in lines[-1]
    assert "val_r2 0.9" in lines[-1]
    assert "1 to 0.25" in ended.out
    assert "succeeded (max_epochs)" in ended.out
    assert f"slope predict {wire.MODEL_ID} FILE" in ended.out


def test_nothing_but_text_goes_into_a_pipe(
    server: ScriptedServer, slope: Slope, table: str
) -> None:
    _will_end(server, "succeeded")
    ended = slope("train", table, "--target", "y")
    assert "\x1b" not in ended.out + ended.err
    assert "\r" not in ended.out + ended.err


def test_a_run_that_failed_is_exit_code_1_with_its_reason(
    server: ScriptedServer, slope: Slope, table: str
) -> None:
    _will_end(server, "failed", error={"code": "diverged", "detail": "The loss is not finite."})
    ended = slope("train", table, "--target", "y")
    assert ended.code == 1
    assert "failed (diverged)" in ended.out
    assert "The loss is not finite." in ended.out


def test_several_targets_are_learned_at_once(
    server: ScriptedServer, slope: Slope, table: str
) -> None:
    _will_end(server, "succeeded", target=["x", "y"])
    slope("train", table, "--target", "x", "--target", "y")
    assert _wish(server)["target"] == ["x", "y"]


def test_every_option_reaches_the_wish(server: ScriptedServer, slope: Slope, table: str) -> None:
    _will_end(server, "succeeded")
    more = ["--network", "8,4", "--device", "cpu", "--validation", "0.3", "--test", "0.1"]
    more += ["--split", "group", "--split-column", "who it is", "--folds", "5"]
    options = "--feature x --feature z --epochs 9 --learning-rate 0.5 --batch-size 4 --seed 7"
    slope("train", table, "--target", "y", *options.split(), "--name", "line", *more)
    assert _wish(server) == {
        "dataset_id": wire.DATASET_ID,
        "target": "y",
        "features": ["x", "z"],
        "network": {"layers": [{"type": "dense", "units": 8}, {"type": "dense", "units": 4}]},
        "training": {
            "epochs": 9,
            "batch_size": 4,
            "optimizer": {"type": "adam", "learning_rate": 0.5},
        },
        "split": {
            "validation": 0.3,
            "test": 0.1,
            "folds": 5,
            "method": "group",
            "column": "who it is",
        },
        "seed": 7,
        "device": "cpu",
        "model": "line",
    }


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("linear", "linear"),
        ("net_x", "net_x"),
        ("[]", {"layers": []}),
        ('{"layers": [], "output": null}', {"layers": [], "output": None}),
        ("wide", "net_2"),
    ],
)
def test_a_network_is_named_or_written_out(
    server: ScriptedServer, slope: Slope, table: str, text: str, sent: Any
) -> None:
    _will_end(server, "succeeded")
    networks: list[dict[str, Any]] = [
        {"id": f"net_{n}", "name": name, "layers": [], "output": None, "created_at": wire.NOW}
        for n, name in enumerate(("deep", "tall", "wide"))
    ]
    server.on("GET", "/v1/networks", Answer({"data": networks, "next": None}))
    assert slope("train", table, "--target", "y", "--network", text).code == 0
    assert _wish(server)["network"] == sent


@pytest.mark.parametrize("network", ["narrow", "{not json"])
def test_a_network_that_cannot_be_read_is_wrong_usage(
    server: ScriptedServer, slope: Slope, table: str, network: str
) -> None:
    server.on("GET", "/v1/networks", Answer({"data": [], "next": None}))
    ended = slope("train", table, "--target", "y", "--network", network)
    assert ended.code == 2
    assert server.count("POST", "/v1/datasets") == 0


def test_json_is_one_document_on_stdout(server: ScriptedServer, slope: Slope, table: str) -> None:
    _will_end(server, "succeeded")
    ended = slope("train", table, "--target", "y", "--json")
    assert ended.json()["id"] == wire.RUN_ID
    assert ended.json()["status"] == "succeeded"


def test_not_waiting_answers_with_the_queued_run(
    server: ScriptedServer, slope: Slope, table: str
) -> None:
    _will_end(server, "succeeded")
    ended = slope("train", table, "--target", "y", "--no-wait", "--json")
    assert (ended.code, ended.json()["status"]) == (0, "queued")
    assert server.count("GET", EVENTS) == 0


def test_a_dataset_that_is_there_is_not_uploaded(server: ScriptedServer, slope: Slope) -> None:
    _will_end(server, "succeeded")
    assert slope("train", wire.DATASET_ID, "--target", "y").code == 0
    assert server.count("POST", "/v1/datasets") == 0


def test_a_missing_file_is_wrong_usage(server: ScriptedServer, slope: Slope) -> None:
    assert slope("train", "nowhere.csv", "--target", "y").code == 2
    assert server.received == []


def test_watching_with_json_is_one_event_a_line(server: ScriptedServer, slope: Slope) -> None:
    _will_end(server, "cancelled")
    ended = slope("watch", wire.RUN_ID, "--json")
    assert ended.code == 1
    assert [json.loads(line)["seq"] for line in ended.out.splitlines()] == [1, 2, 3, 4, 5, 6]


def test_a_run_that_ended_long_ago_is_shown_whole(server: ScriptedServer, slope: Slope) -> None:
    _will_end(server, "succeeded")
    ended = slope("watch", wire.RUN_ID)
    assert ended.code == 0
    assert "4/4" in ended.err


def test_a_refused_wish_names_what_to_change(
    server: ScriptedServer, slope: Slope, table: str
) -> None:
    server.on("POST", "/v1/datasets", Answer(wire.dataset(), status=201))
    item = {"pointer": "/target", "code": "unknown_column", "detail": "There is no column 'q'."}
    server.on("POST", "/v1/runs", problem(422, "unknown_column", errors=[item]))
    ended = slope("train", table, "--target", "q")
    assert ended.code == 4
    assert "/target: There is no column 'q'." in ended.err
