from __future__ import annotations

from typing import TYPE_CHECKING

from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer

if TYPE_CHECKING:
    from tests.service.cli.conftest import Slope
    from tests.service.client.scripted_server import ScriptedServer

DATASET = f"/v1/datasets/{wire.DATASET_ID}"
WARNING = {"code": "constant_column", "column": "x", "detail": "every value is the same"}


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
