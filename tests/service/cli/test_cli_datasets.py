from __future__ import annotations

import email
import json
from typing import TYPE_CHECKING, Any

from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.cli.conftest import Slope
    from tests.service.client.scripted_server import Received, ScriptedServer

DATASET = f"/v1/datasets/{wire.DATASET_ID}"
WARNING = {"code": "constant_column", "column": "x", "detail": "every value is the same"}


def parts(request: Received) -> dict[str, bytes]:
    """What a form has, by name."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    form: Any = email.message_from_bytes(head + request.body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in form.get_payload()
    }


def test_datasets_are_listed_by_default(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", "/v1/datasets", Answer({"data": [wire.dataset()], "next": None}))
    header, row = slope("datasets").out.splitlines()
    assert header.split() == ["DATASET", "NAME", "FORMAT", "ROWS", "COLUMNS", "WARNINGS"]
    assert row.split() == [wire.DATASET_ID, "line.csv", "csv", "3", "1", "0"]
    assert slope("datasets", "list", "--json").json()[0]["id"] == wire.DATASET_ID


def test_a_dataset_is_shown_with_the_reasons_of_its_types(
    server: ScriptedServer, slope: Slope
) -> None:
    server.on("GET", DATASET, Answer(wire.dataset(warnings=[WARNING])))
    shown = slope("datasets", "get", wire.DATASET_ID)
    assert shown.out.splitlines()[-1].split() == ["x", "numeric", "numbers"]
    assert shown.err == "warning: x: every value is the same\n"


def test_a_table_is_uploaded_with_what_is_said_of_it(
    server: ScriptedServer, slope: Slope, tmp_path: Path
) -> None:
    file = tmp_path / "prices.txt"
    file.write_bytes("größe\tpreis\n1,5\t2\n".encode("latin-1"))
    server.on("POST", "/v1/datasets", Answer(wire.dataset(warnings=[WARNING]), status=201))
    reading = ("--delimiter", "\\t", "--encoding", "latin-1", "--decimal", ",", "--no-header")
    types = ("--type", "größe=numeric", "--type", "a = b=text", "--type", "day=day_first")
    shown = slope("datasets", "upload", str(file), "--name", "prices", *reading, *types)
    assert shown.out.splitlines()[-1].split() == ["x", "numeric", "numbers"]
    assert shown.err == "warning: x: every value is the same\n"
    (request,) = server.received
    sent = parts(request)
    assert (sent["name"], sent["file"]) == (b"prices", file.read_bytes())
    assert json.loads(sent["parse"]) == {
        "delimiter": "\t", "encoding": "latin-1", "decimal": ",", "header": False,
    }  # fmt: skip
    assert json.loads(sent["schema"]) == {
        "größe": {"type": "numeric"}, "a = b": {"type": "text"}, "day": {"dates": "day_first"},
    }  # fmt: skip


def test_a_file_that_is_not_there_is_never_sent(server: ScriptedServer, slope: Slope) -> None:
    ended = slope("datasets", "upload", "nowhere.csv")
    assert (ended.code, "nowhere.csv" in ended.err) == (2, True)
    assert server.received == []


def test_columns_are_read_as_other_types(server: ScriptedServer, slope: Slope) -> None:
    server.on("POST", f"{DATASET}/derive", Answer(wire.dataset(), status=201))
    wishes = ("x=categorical", "a = b=text")
    derived = slope("datasets", "derive", wire.DATASET_ID, *wishes, "--json")
    assert derived.json()["id"] == wire.DATASET_ID
    (request,) = server.received
    assert request.json() == {"schema": {"x": {"type": "categorical"}, "a = b": {"type": "text"}}}


def test_a_wish_without_a_type_is_never_sent(server: ScriptedServer, slope: Slope) -> None:
    for wish in ("x", "=numeric"):
        ended = slope("datasets", "derive", wire.DATASET_ID, wish)
        assert (ended.code, "COLUMN=TYPE" in ended.err) == (2, True)
    assert server.received == []
