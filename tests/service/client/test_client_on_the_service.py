"""The client on the real service, in processes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from safetensors.numpy import load

from service.client import Client, ConflictError, InvalidRequestError, NotFoundError
from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = ("x,y\n" + "".join(f"{x},{2 * x + 1}\n" for x in range(100))).encode()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("client") / "var", {"SLOPE_WORKER_PROCESSES": "1"})
    yield service
    service.close()


@pytest.fixture
def slope(service: Service) -> Iterator[Client]:
    with Client(service.base_url, service.key) as client:
        yield client


def test_a_line_is_learned_and_predicted(slope: Client) -> None:
    dataset = slope.datasets.create(LINE, name="line", schema={"x": {"type": "numeric"}})
    assert (dataset.name, dataset.rows) == ("line", 100)
    assert slope.datasets.get(dataset.id) == dataset
    assert slope.datasets.rows(dataset.id, limit=1).rows == [{"x": 0, "y": 1}]
    training = {"epochs": 300, "optimizer": {"type": "adam", "learning_rate": 0.05}}
    run = slope.runs.create(
        dataset_id=dataset.id,
        target="y",
        network={"layers": []},
        training=training,
        model="line",
        labels={"team": "client"},
    )
    seqs = [event.seq for event in slope.runs.events(run.id)]
    assert seqs == list(range(1, len(seqs) + 1))
    ended = slope.runs.wait(run.id, timeout_s=30.0)
    assert (ended.status, ended.spec.labels) == ("succeeded", {"team": "client"})
    assert slope.runs.report(run.id)["coefficients"]["x"] == pytest.approx(2.0, rel=0.01)
    predictions = slope.models.predict("line", [{"x": 10}]).predictions
    assert predictions == slope.models.predict("line:1", inputs=[[10]]).predictions
    assert predictions == slope.models.predict_csv("line", b"x\n10\n").predictions
    assert predictions[0].model_dump()["value"] == pytest.approx(21.0, rel=0.01)
    series = slope.runs.metrics(run.id, max_points=10)
    assert 2 <= len(series.epochs) <= 10
    initial = next(c for c in slope.runs.checkpoints(run.id) if c.kind == "initial")
    assert set(load(slope.checkpoints.weights(initial.id))) == {"layers.0.weight", "layers.0.bias"}
    assert next(iter(slope.models.list())).run_id == run.id


def test_every_page_of_a_list_is_read(slope: Client) -> None:
    made = {slope.networks.create(f"net {n}", [{"type": "dense", "units": 2}]).id for n in range(5)}
    assert made <= {network.id for network in slope.networks.list(limit=2)}
    for network_id in made:
        slope.networks.delete(network_id)
    assert not made & {network.id for network in slope.networks.list()}


def test_a_create_repeated_with_its_key_is_the_same_thing(slope: Client) -> None:
    first, second = (slope.datasets.create(LINE, idempotency_key="k-1") for _ in range(2))
    assert first.id == second.id
    run, again = (
        slope.runs.create(dataset_id=first.id, target="y", idempotency_key="k-2") for _ in range(2)
    )
    assert run.id == again.id
    with pytest.raises(InvalidRequestError) as caught:
        slope.runs.create(dataset_id=first.id, target="x", idempotency_key="k-2")
    assert caught.value.code == "idempotency_key_reused"
    slope.runs.wait(run.id, timeout_s=30.0)


def test_a_refusal_points_into_the_request(slope: Client) -> None:
    dataset = slope.datasets.create(LINE)
    with pytest.raises(InvalidRequestError) as caught:
        slope.runs.create(dataset_id=dataset.id, target="y", training={"epochs": 0})
    assert caught.value.errors[0].pointer == "/training/epochs"
    assert caught.value.request_id
    with pytest.raises(NotFoundError):
        slope.runs.get("run_" + "0" * 26)


def test_a_run_is_cancelled(slope: Client) -> None:
    run = _long_run(slope)
    events = slope.runs.events(run)
    assert any(event.type == "epoch.completed" for event in events)
    with pytest.raises(ConflictError):
        slope.runs.delete(run)
    slope.runs.cancel(run)
    assert slope.runs.wait(run, timeout_s=15.0).status == "cancelled"
    slope.runs.delete(run)


def test_events_go_on_when_the_server_is_killed(service: Service, slope: Client) -> None:
    run = _long_run(slope)
    seqs = []
    for event in slope.runs.events(run):
        seqs.append(event.seq)
        if len(seqs) == 20:
            service.kill("api")
        if len(seqs) == 200:
            slope.runs.cancel(run)
    assert len(seqs) >= 200
    assert seqs == list(range(1, len(seqs) + 1))


def _long_run(slope: Client) -> str:
    """Start a run that goes on until it is cancelled."""
    dataset = slope.datasets.create(LINE)
    training = {"epochs": 10_000, "batch_size": 1, "early_stopping": None}
    wide = {"layers": [{"type": "dense", "units": 256}] * 2}
    return slope.runs.create(dataset_id=dataset.id, target="y", network=wide, training=training).id
