"""The document says what the service does, and its pages load nothing from afar."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from service.api import catalog_examples, examples, replay_examples, trace_examples
from service.schemas.catalog import CatalogEntry
from service.schemas.datasets import Dataset, DatasetOptions, DatasetRows
from service.schemas.events import Event
from service.schemas.models import Model, PredictRequest, PredictResponse
from service.schemas.networks import Network, NetworkCreate, NetworkValidate, NetworkValidation
from service.schemas.provenance import Provenance
from service.schemas.runs import Checkpoint, MetricSeries, ReplayWish, Run, RunCreate
from service.schemas.service import LimitInfo, Ready
from service.schemas.trace import Trace, TraceRequest
from service.schemas.wire import Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

EXAMPLES = [
    (Ready, examples.READY),
    (dict[str, LimitInfo], examples.LIMITS),
    (Dataset, examples.DATASET),
    (DatasetRows, examples.DATASET_ROWS),
    (NetworkCreate, examples.NETWORK_CREATE),
    (Network, examples.NETWORK),
    (NetworkValidate, examples.NETWORK_VALIDATE),
    (NetworkValidation, examples.VALIDATION),
    (RunCreate, examples.RUN_CREATE),
    (Page[Run], examples.page(examples.RUN)),
    (MetricSeries, examples.METRICS),
    (Checkpoint, examples.CHECKPOINT),
    (Event, examples.EVENT),
    (Model, examples.MODEL),
    (PredictRequest, examples.PREDICT),
    (PredictResponse, examples.PREDICTIONS),
    (Page[CatalogEntry], catalog_examples.LOSSES),
    (TraceRequest, trace_examples.REQUEST),
    (Trace, trace_examples.TRACE),
    (ReplayWish, replay_examples.WISH),
    (Run, replay_examples.REPLAY),
    (Provenance, replay_examples.PROVENANCE),
]


@pytest.fixture(scope="module")
def document(client: TestClient) -> dict[str, Any]:
    """The document as it is served."""
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


@pytest.mark.parametrize(("model", "example"), EXAMPLES, ids=lambda value: str(value)[:40])
def test_every_example_is_one(model: Any, example: Any) -> None:
    adapter = TypeAdapter(model)
    text = TypeAdapter(Any).dump_json(example)
    assert adapter.dump_json(adapter.validate_json(text)) is not None


def test_the_version_is_that_of_the_package(document: dict[str, Any]) -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert document["info"]["version"] == project["project"]["version"]


def test_the_upload_form_has_the_parts_that_are_read(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]
    parts = set(body["multipart/form-data"]["schema"]["properties"])
    fields = {field.alias or name for name, field in DatasetOptions.model_fields.items()}
    assert parts == fields | {"file"}


def test_every_operation_has_a_stable_name_an_example_and_its_problems(
    document: dict[str, Any],
) -> None:
    operations = _operations(document)
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) >= 25
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in names)
    for operation in operations:
        assert operation["summary"]
        assert {"400", "408", "413", "431", "500", "503"} <= set(operation["responses"])
        if operation["operationId"] not in {"livez", "readyz"}:
            assert operation["security"] == [{"key": []}]
            assert {"401", "403", "429"} <= set(operation["responses"])
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if status.startswith("2") and kind != "application/octet-stream":
                    assert content["example"] is not None, operation["operationId"]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert content["example"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = {node["$ref"] for node in _objects(document) if isinstance(node.get("$ref"), str)}
    assert len(found) > 30
    for reference in found:
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
        assert place


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for value in inside:
        yield from _objects(value)


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_load_everything_from_here(client: TestClient, page: str) -> None:
    answer = client.get(page)
    assert answer.status_code == 200
    addresses = re.findall(r"""(?:src|href|url:)\s*[=:]?\s*['"]([^'"]+)['"]""", answer.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert client.get(address).status_code == 200, address
    policy = answer.headers["content-security-policy"]
    assert "'self'" in policy
    assert "http" not in policy


def test_every_create_takes_an_idempotency_key_and_a_stream_its_position(
    client: TestClient,
) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/v1/datasets", "/v1/networks", "/v1/runs", "/v1/runs/{run_id}/replay"):
        assert "Idempotency-Key" in _headers(paths[path]["post"])
    assert "Last-Event-ID" in _headers(paths["/v1/runs/{run_id}/events"]["get"])


def _headers(operation: dict[str, Any]) -> set[str]:
    return {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
