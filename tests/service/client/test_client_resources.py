from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from service.api import catalog_examples, replay_examples, trace_examples
from service.client import (
    AuthenticationError,
    ClientError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from service.schemas.runs import RunCreate
from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer, problem
from workers.engine.spec import DenseSpec

if TYPE_CHECKING:
    from service.client import Client
    from tests.service.client.scripted_server import ScriptedServer

RUNS = "/v1/runs"
RUN = f"{RUNS}/{wire.RUN_ID}"


def test_the_key_travels_as_a_bearer(server: ScriptedServer, client: Client) -> None:
    server.on("GET", RUN, Answer(wire.run()))
    client.runs.get(wire.RUN_ID)
    assert server.received[0].headers["authorization"] == "Bearer slope_secret"


def test_a_run_is_made_of_fields_or_of_a_whole_wish(server: ScriptedServer, client: Client) -> None:
    server.on("POST", RUNS, Answer(wire.run("queued"), status=202))
    layers = [DenseSpec(units=8)]
    fields: dict[str, Any] = {
        "dataset_id": wire.DATASET_ID,
        "target": "y",
        "network": {"layers": layers},
    }
    client.runs.create(**fields, seed=3)
    client.runs.create(RunCreate.model_validate(fields | {"seed": 3}))
    by_fields, by_wish = (request.json() for request in server.received)
    assert by_fields == by_wish
    assert set(by_wish) == {"dataset_id", "target", "network", "seed"}
    assert by_wish["network"]["layers"][0]["units"] == 8
    with pytest.raises(TypeError):
        client.runs.create(RunCreate.model_validate(fields), seed=3)


def test_a_run_begins_with_a_checkpoint(server: ScriptedServer, client: Client) -> None:
    server.on("POST", RUNS, Answer(wire.run("queued"), status=202))
    client.runs.continue_from("ckpt_x", training={"epochs": 9})
    client.runs.warm_start("ckpt_x", seed=1, idempotency_key="mine")
    going_on, warm = server.received
    assert going_on.json() == {
        "parent": {"checkpoint_id": "ckpt_x", "mode": "continue"},
        "training": {"epochs": 9},
    }
    assert warm.json()["parent"]["mode"] == "warm_start"
    assert warm.headers["idempotency-key"] == "mine"


def test_a_run_hears_every_verb(server: ScriptedServer, client: Client) -> None:
    for verb in ("pause", "resume", "stop", "cancel"):
        server.on("POST", f"{RUN}/{verb}", Answer(wire.run("running")))
        say = getattr(client.runs, verb)
        assert say(wire.RUN_ID).id == wire.RUN_ID
    server.on("POST", f"{RUN}/replay", Answer(wire.replay(), status=202))
    again = client.runs.replay(wire.RUN_ID)
    assert again.replay is not None
    assert again.replay.identical
    assert server.received[-1].json() == {"from": "start"}
    assert "idempotency-key" in server.received[-1].headers
    server.on("GET", f"{RUN}/provenance", Answer(replay_examples.PROVENANCE))
    assert client.runs.provenance(wire.RUN_ID).attempts[0].ended_by == "max_epochs"


def test_fields_of_a_newer_service_are_left_out(server: ScriptedServer, client: Client) -> None:
    newer = wire.run(queue_position=7)
    newer["spec"]["training"] |= {"loss": {"type": "mse", "weighting": "none"}, "tricks": ["a"]}
    newer["progress"]["energy_joules"] = 1.5
    server.on("GET", RUN, Answer(newer))
    run = client.runs.get(wire.RUN_ID)
    assert run.spec.training.loss.type == "mse"
    assert not hasattr(run, "queue_position")


def test_a_known_field_with_another_meaning_is_told(server: ScriptedServer, client: Client) -> None:
    server.on("GET", RUN, Answer(wire.run("dreaming")))
    with pytest.raises(UnexpectedAnswerError, match="status"):
        client.runs.get(wire.RUN_ID)


def test_lists_fetch_their_pages_as_they_are_read(server: ScriptedServer, client: Client) -> None:
    ids = [f"run_{n}" for n in range(3)]
    pages = [
        Answer({"data": [wire.run(id=id_)], "next": id_ if id_ != ids[-1] else None}) for id_ in ids
    ]
    server.on("GET", RUNS, *pages)
    runs = iter(client.runs.list(status="succeeded", limit=1))
    assert next(runs).id == ids[0]
    assert len(server.received) == 1
    assert [run.id for run in runs] == ids[1:]
    assert [request.query for request in server.received] == [
        {"status": "succeeded", "limit": "1"},
        {"status": "succeeded", "limit": "1", "after": ids[0]},
        {"status": "succeeded", "limit": "1", "after": ids[1]},
    ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (422, InvalidRequestError),
        (500, ServerError),
    ],
)
def test_a_refusal_is_an_error_of_its_kind(
    server: ScriptedServer, client: Client, status: int, kind: type[ClientError]
) -> None:
    item = {"pointer": "/training/epochs", "code": "out_of_range", "detail": "at most", "limit": 9}
    server.on("GET", RUN, problem(status, "some_code", errors=[item], novelty=1))
    with pytest.raises(kind) as caught:
        client.runs.get(wire.RUN_ID)
    error = caught.value
    assert isinstance(error, kind)
    assert (error.code, error.request_id) == ("some_code", "req-1")  # type: ignore[attr-defined]
    assert error.errors[0].pointer == "/training/epochs"  # type: ignore[attr-defined]
    assert "/training/epochs: at most" in str(error)


def test_a_page_of_a_proxy_is_an_error_too(server: ScriptedServer, client: Client) -> None:
    page = Answer(b"<html>Bad gateway</html>", status=502, headers={"Content-Type": "text/html"})
    server.on("GET", RUN, page)
    with pytest.raises(ServerError) as caught:
        client.runs.get(wire.RUN_ID)
    assert (caught.value.status, caught.value.code) == (502, "http_502")
    assert "<html>" not in str(caught.value)


def test_waiting_ends_with_the_run(server: ScriptedServer, client: Client) -> None:
    states = [Answer(wire.run(status)) for status in ("queued", "running", "failed")]
    server.on("GET", RUN, *states)
    assert client.runs.wait(wire.RUN_ID, poll_s=0.001).status == "failed"


def test_waiting_gives_up_in_time(server: ScriptedServer, client: Client) -> None:
    server.on("GET", RUN, Answer(wire.run("running")))
    with pytest.raises(WaitTimeoutError) as caught:
        client.runs.wait(wire.RUN_ID, timeout_s=0.05, poll_s=0.01)
    assert caught.value.run.status == "running"


def test_a_model_reference_is_one_segment_of_the_path(
    server: ScriptedServer, client: Client
) -> None:
    path = "/v1/models/line:3/predict"
    server.on("POST", path, Answer(wire.predictions(1.5)))
    answer = client.models.predict("line:3", [{"x": 1}])
    assert answer.predictions[0].model_dump() == {"value": 1.5}
    client.models.predict("line:3", inputs=[[1, "a"]])
    bodies = [request.json() for request in server.received]
    assert bodies == [{"rows": [{"x": 1}]}, {"inputs": [[1, "a"]]}]
    with pytest.raises(NotFoundError):
        client.models.get("../runs")
    assert server.received[-1].path == "/v1/models/..%2Fruns"


def test_readiness_is_a_yes_or_no(server: ScriptedServer, client: Client) -> None:
    ready = Answer({"status": "ready"})
    server.on("GET", "/readyz", problem(503, "unavailable"), ready)
    assert [client.is_ready(), client.is_ready()] == [False, True]
    assert server.count("GET", "/readyz") == 2


def test_a_catalogue_comes_as_a_list(server: ScriptedServer, client: Client) -> None:
    server.on("GET", "/v1/catalog/losses", Answer(catalog_examples.LOSSES))
    [huber] = client.catalog("losses")
    assert (huber.name, huber.parameters[0].exclusive_minimum) == ("huber", 0.0)


def test_a_step_is_taken_apart(server: ScriptedServer, client: Client) -> None:
    server.on("POST", "/v1/networks/trace", Answer(trace_examples.TRACE))
    trace = client.networks.trace(**trace_examples.REQUEST)
    assert server.received[0].json() == trace_examples.REQUEST
    assert trace.update.tensors[0].after == [1.8]


def test_limits_come_by_name(server: ScriptedServer, client: Client) -> None:
    limit = {"value": 10_000, "description": "Rows of one prediction request.", "unit": "rows"}
    server.on("GET", "/v1/limits", Answer({"predict_rows": limit}))
    assert client.limits.get()["predict_rows"].value == 10_000
