"""The README's routes are the service's, and its examples run as printed."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from service.api.routed import routed_app
from service.app import compose
from service.settings import load_settings
from tests.documentation.test_readme import README, ROOT
from tests.servers.service import Service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("readme") / "var")
    yield running
    running.close()


def test_the_readme_names_every_route_and_no_other(sqlite_url: str, tmp_path: Path) -> None:
    environ = {"SLOPE_DATABASE_URL": sqlite_url, "SLOPE_STATE_DIR": str(tmp_path)}
    document = routed_app(compose(*load_settings(environ))).openapi()
    routes = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in METHODS & set(operations)
    }
    assert set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", README)) - {
        "GET /v1/limits"
    } == routes - {"GET /v1/limits"}
    assert "GET /v1/limits" in routes


def test_the_curl_examples_run_as_printed(service: Service) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    script = "set -eo pipefail\n" + "".join(blocks)
    script = script.replace("http://127.0.0.1:8000", service.base_url)
    script = script.replace("var/api-key", str(service.state_dir / "api-key"))
    # --fail-with-body turns an error status, which curl prints like any answer, into an exit code.
    script = script.replace("curl -sS", "curl -sS --fail-with-body")
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert '"to":"succeeded"' in result.stdout
    assert '"label":"Chinstrap"' in result.stdout
    assert '"worked":"layers.0.weight[0] = 1 - 0.1 * (-8) = 1.8"' in result.stdout
