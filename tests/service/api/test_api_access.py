"""Who may do what: keys, scopes, projects, shares."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from service.api.auth import CACHE_SECONDS, Gate
from service.api.not_built import NOT_BUILT
from service.api.rates import Rates
from service.errors import QuotaExceededError, UnauthenticatedError
from service.settings import Limits
from service.usecases.projects import Projects
from tests.service.api.conftest import make_api

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api


class HandClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        raise NotImplementedError

    def monotonic_s(self) -> float:
        return self.seconds


def _scope(key: str) -> dict[str, Any]:
    headers = [(b"authorization", f"Bearer {key}".encode())]
    return {"type": "http", "headers": headers, "client": ("192.0.2.1", 9)}


def test_a_revoked_key_is_refused_after_a_moment(fresh_api: Api) -> None:
    projects, clock = Projects(fresh_api.sessions), HandClock()
    gate = Gate(projects, Rates(Limits.model_validate({})), clock)
    scope = _scope(fresh_api.key)
    assert anyio.run(gate.admit, scope, "read").key_id == fresh_api.key_id
    projects.revoke(fresh_api.key_id)
    clock.seconds = CACHE_SECONDS + 0.1
    with pytest.raises(UnauthenticatedError):
        anyio.run(gate.admit, scope, "read")


def test_refused_keys_of_one_address_are_counted_and_valid_ones_still_pass(
    fresh_api: Api,
) -> None:
    limits = Limits.model_validate({"failed_auth_per_minute": 3})
    gate = Gate(Projects(fresh_api.sessions), Rates(limits), HandClock())
    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            anyio.run(gate.admit, _scope("slope_wrong"), "read")
    with pytest.raises(QuotaExceededError) as caught:
        anyio.run(gate.admit, _scope("slope_wrong"), "read")
    assert caught.value.retry_after_s > 0
    assert anyio.run(gate.admit, _scope(fresh_api.key), "read")


def test_a_key_has_its_share_of_requests(tmp_path: Path, sqlite_template: Path) -> None:
    limits = {"requests_per_second": 1, "request_burst": 5}
    api = make_api(tmp_path, sqlite_template, **limits)
    with api.client() as client, api.client(api.foreign_key) as other:
        answers = [client.get("/v1/limits") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert answers[-1].json()["code"] == "rate_limited"
        assert other.get("/v1/limits").status_code == 200
    api.sessions.dispose()


def test_uploads_at_once_are_bounded_and_their_places_come_back() -> None:
    rates = Rates(Limits.model_validate({"uploads_at_once": 2}))
    with rates.upload("k"), rates.upload("k"):
        with pytest.raises(QuotaExceededError), rates.upload("k"):
            raise AssertionError("a third upload was admitted")
        with rates.upload("another"):
            pass
    with rates.upload("k"), rates.upload("k"):
        pass


def _operations(api: Api) -> list[tuple[str, str]]:
    with api.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    public = ("/livez", "/readyz")
    built = [(m.upper(), p) for p, ops in paths.items() for m in ops if p not in public]
    return built + [(method, path) for path, methods in NOT_BUILT for method in methods]


def _filled(path: str, names: dict[str, str]) -> str:
    return re.sub(r"\{(\w+)(:path)?\}", lambda m: names.get(m[1], "x"), path)


def test_every_route_asks_for_a_key(api: Api) -> None:
    with api.client() as client:
        del client.headers["authorization"]
        operations = _operations(api)
        assert len(operations) > 40
        for method, path in operations:
            answer = client.request(method, _filled(path, {}))
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_that_only_reads_changes_nothing(api: Api) -> None:
    reading = {"/v1/networks/validate", "/v1/networks/trace", "/v1/models/{ref}/predict"}
    with api.client(api.reading_key) as client:
        for method, path in _operations(api):
            if (path, (method,)) in NOT_BUILT or path.startswith("/v2") or "aliases" in path:
                continue
            answer = client.request(method, _filled(path, {}))
            is_change = method != "GET" and path not in reading
            assert (answer.status_code == 403) == is_change, (method, path)


# What the calls that read a body before they look for its object are sent.
_BODIES: dict[str, dict[str, Any]] = {
    "predict": {"rows": [{}]},
    "derive": {"schema": {"x": {"type": "text"}}},
}


def test_nothing_of_another_project_can_be_seen_or_told_apart(
    api: Api, dataset: dict[str, Any], finished_run: dict[str, Any], client: TestClient
) -> None:
    checkpoint = client.get(f"/v1/runs/{finished_run['id']}/checkpoints").json()["data"][0]
    network = client.post("/v1/networks", json={"name": "mine", "layers": []}).json()
    real = {
        "dataset_id": dataset["id"],
        "network_id": network["id"],
        "run_id": finished_run["id"],
        "checkpoint_id": checkpoint["id"],
        "ref": finished_run["model_id"],
    }
    unknown = {name: f"{id_.split('_')[0]}_{'0' * 26}" for name, id_ in real.items()}
    paths = [(m, p) for m, p in _operations(api) if "{" in p and (p, (m,)) not in NOT_BUILT]
    with api.client(api.foreign_key) as stranger:
        for method, path in paths:
            if path.startswith("/v2") or "aliases" in path:
                continue
            body = _BODIES.get(path.rpartition("/")[2])
            answers = [
                stranger.request(method, _filled(path, names), json=body)
                for names in (real, unknown)
            ]
            bodies = [answer.json() | {"request_id": None} for answer in answers]
            assert [answer.status_code for answer in answers] == [404, 404], (method, path)
            assert bodies[0] == bodies[1]
        for path in ("/v1/datasets", "/v1/networks", "/v1/runs", "/v1/models"):
            assert stranger.get(path).json() == {"data": [], "next": None}
        wish = {"dataset_id": dataset["id"], "target": "kind"}
        assert stranger.post("/v1/runs", json=wish).status_code == 404
