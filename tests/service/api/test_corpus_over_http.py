"""Every bad request of the corpus gets its answer: status, code, place; small, and no echo."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from tests.corpus.datasets import DatasetCase, dataset_cases
from tests.corpus.requests import RequestCase, put_names, request_cases
from tests.service.api.live_server import LiveServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

TRANSPORT = request_cases("transport")
OTHERS = [case for name in ("specs", "predictions", "traces") for case in request_cases(name)]
# Limits that are lower than usual in a case are the table library's to check.
FILES = [case for case in dataset_cases() if not case.limits]

MAX_ANSWER_BYTES = 64 * 1024
_ECHO = 40


@pytest.fixture(scope="module")
def names(
    client: TestClient, api: Api, dataset: dict[str, Any], finished_run: dict[str, Any]
) -> dict[str, str]:
    """What `$NAMES` in the corpus stand for."""
    lines = "".join(f"{n % 7},{n * 0.25},1,\n" for n in range(2000))
    table = ("x,y,constant,missing\n" + lines).encode()
    long = client.post("/v1/datasets", files={"file": ("long.csv", table)}).json()
    checkpoints = client.get(f"/v1/runs/{finished_run['id']}/checkpoints").json()["data"]
    return {
        "CHECKPOINT": checkpoints[0]["id"],
        "DATASET": dataset["id"],
        "LONG": long["id"],
        "RUN": finished_run["id"],
        "MODEL": finished_run["model_id"],
        "KEY": api.key,
    }


@pytest.fixture(scope="module")
def server(api: Api) -> Iterator[httpx2.Client]:
    """A client of the same application over a real socket."""
    with LiveServer(api.app) as live, httpx2.Client(base_url=live.base_url) as made:
        yield made


@pytest.fixture(scope="module")
def documented(client: TestClient) -> dict[str, Any]:
    """The operations of the document, by path."""
    paths: dict[str, Any] = client.get("/openapi.json").json()["paths"]
    return paths


def _send(
    client: httpx2.Client | TestClient, case: RequestCase, api: Api, names: dict[str, str]
) -> Any:
    keys = {"own": api.key, "reading": api.reading_key, "foreign": api.foreign_key}
    headers: dict[str, str | None] = {"Content-Type": "application/json"}
    headers["Authorization"] = f"Bearer {keys[case.key]}" if case.key in keys else case.key
    if case.key == "none":
        headers["Authorization"] = None
    headers |= case.headers
    query = f"?{put_names(case.query, names)}" if case.query else ""
    request = client.build_request(
        case.method,
        put_names(case.path, names) + query,
        headers={name: value for name, value in headers.items() if value is not None},
        content=case.body(names),
    )
    for name, value in headers.items():
        if value is None:
            request.headers.pop(name, None)
    return client.send(request)


def _check(answer: Any, case: RequestCase, sent: bytes) -> None:
    assert answer.status_code == case.status, answer.text[:2000]
    problem = _check_problem(answer, sent)
    if case.code is not None:
        assert problem["code"] == case.code, problem
    if case.pointer is not None:
        assert problem["errors"][0]["pointer"] == case.pointer, problem
    if case.limit is not None:
        assert problem["errors"][0]["limit"] == case.limit, problem
    if case.allow is not None:
        assert case.allow in answer.headers["allow"]


def _check_problem(answer: Any, sent: bytes) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) <= MAX_ANSWER_BYTES
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code < 500
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert len(problem["errors"]) <= 20
    assert "SECRETSECRET" not in answer.text
    # Any stretch of the request's text, sampled, is nowhere in the answer.
    text = sent.decode("utf-8", "replace")
    step = max(1, len(text) // 200)
    answered = json.dumps(problem, ensure_ascii=False)
    for start in range(0, len(text) - _ECHO, step):
        assert text[start : start + _ECHO] not in answered
    return problem


@pytest.mark.parametrize("case", TRANSPORT + OTHERS, ids=lambda case: case.id)
def test_a_bad_request_gets_its_answer(
    client: TestClient, case: RequestCase, api: Api, names: dict[str, str]
) -> None:
    _check(_send(client, case, api, names), case, case.body(names))


@pytest.mark.parametrize("case", TRANSPORT + OTHERS, ids=lambda case: case.id)
def test_its_status_is_documented(
    case: RequestCase, names: dict[str, str], documented: dict[str, Any]
) -> None:
    path = put_names(case.path, names)
    for template, operations in documented.items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and case.method.lower() in operations:
            assert str(case.status) in operations[case.method.lower()]["responses"]


@pytest.mark.parametrize("case", TRANSPORT, ids=lambda case: case.id)
def test_it_gets_the_same_over_a_socket(
    server: httpx2.Client, case: RequestCase, api: Api, names: dict[str, str]
) -> None:
    _check(_send(server, case, api, names), case, case.body(names))


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.id)
def test_an_uploaded_file_gets_its_answer(client: TestClient, case: DatasetCase) -> None:
    answer = client.post(
        "/v1/datasets",
        files={"file": ("x.csv", case.data)},
        data={"schema": json.dumps(case.schema), "parse": json.dumps(case.parse)},
    )
    if case.accepted:
        assert answer.status_code == 201, answer.text
        assert answer.json()["rows"] == case.accepted["rows"]
        return
    assert answer.status_code == case.refused["status"], answer.text
    problem = _check_problem(answer, case.data)
    if case.id.startswith("W-"):
        # What the form itself forbids is refused before the file is read.
        return
    assert problem["code"] == case.refused["code"]
    for place in ("row", "line", "column"):
        if place in case.refused:
            # The first word of a sentence is capitalised.
            assert f"{place} {case.refused[place]}".lower() in problem["detail"].lower()


def test_every_case_has_a_name_of_its_own() -> None:
    cases = TRANSPORT + OTHERS
    assert len({case.id for case in cases}) == len(cases) > 200
