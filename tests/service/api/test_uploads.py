"""Uploads: what arrives is kept as it is, what is cut off leaves nothing."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from service.api.upload import clean_uploads
from service.settings import Limits
from tests.service.api.live_server import LiveServer

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.testclient import TestClient

    from tests.service.api.conftest import Api

MIB = 2**20


def _uploads_dir(api: Api) -> Path:
    made: Any = api.app
    folder: Path = made._app._parts.uploads_dir
    return folder


@pytest.mark.parametrize(
    ("filename", "label"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cats.csv", "cats.csv"),
        ("..", ".."),
        ("", "dataset"),
        ("n" * 1000, "n" * 200),
        ("tabs\tand\x7f.csv", "tabsand.csv"),
        ("données.csv", "données.csv"),
    ],
)
def test_a_filename_is_a_label_and_never_a_path(
    api: Api, client: TestClient, filename: str, label: str
) -> None:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n\r\n'
    body = head.encode() + b"a,b\n1,2\n\r\n--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = client.post("/v1/datasets", content=body, headers=kind)
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == label
    assert list(_uploads_dir(api).iterdir()) == []


def test_the_options_beside_a_file_are_obeyed(client: TestClient) -> None:
    answer = client.post(
        "/v1/datasets",
        files={"file": ("t.csv", b"a;b\n1;x\n-9;y\n")},
        data={
            "name": "mine",
            "schema": json.dumps({"a": {"missing": ["-9"]}, "b": {"type": "text"}}),
            "parse": json.dumps({"delimiter": ";"}),
        },
    ).json()
    assert answer["name"] == "mine"
    columns = {column["name"]: column for column in answer["columns"]}
    assert columns["a"]["missing"] == 1
    assert columns["b"]["type"] == "text"


def test_a_sender_that_goes_leaves_nothing(api: Api) -> None:
    head = (
        "POST /v1/datasets HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Authorization: Bearer {api.key}\r\nContent-Length: {64 * MIB}\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="t.csv"\r\n\r\n'
    )
    folder = _uploads_dir(api)
    with LiveServer(api.app) as server:
        with server.connect() as connection:
            connection.sendall(head.encode() + b"1,2\n" * MIB)
            _wait_until(lambda: any(folder.iterdir()))
        _wait_until(lambda: not any(folder.iterdir()))


def test_what_a_killed_process_left_is_removed_in_time(tmp_path: Path) -> None:
    limits = Limits.model_validate({"upload_receipt_seconds": 0.0, "parser_cpu_seconds": 1})
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "upload").write_bytes(b"x")
    assert clean_uploads(tmp_path, limits) == tmp_path
    assert (tmp_path / "old").exists()
    eternal = Limits.model_validate({"upload_receipt_seconds": -100.0, "parser_cpu_seconds": 1})
    clean_uploads(tmp_path, eternal)
    assert list(tmp_path.iterdir()) == []


def _wait_until(is_so: Any, timeout_s: float = 10.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_part_that_a_page_left_empty_is_unset(client: TestClient) -> None:
    form = {"name": "", "schema": "", "parse": " "}
    answer = client.post("/v1/datasets", files={"file": ("left.csv", "a,b\n1,2\n3,4\n")}, data=form)
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "left.csv"
