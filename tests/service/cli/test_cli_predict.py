from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.csv_parts import csv_parts
from tests.service.client import wire_examples as wire
from tests.service.client.scripted_server import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.service.cli.conftest import Slope
    from tests.service.client.scripted_server import ScriptedServer

MODEL = "/v1/models/line"
CLASSES = {
    "model_id": wire.MODEL_ID,
    "predictions": [{"label": "b", "probability": 0.75, "probabilities": {"a": 0.25, "b": 0.75}}],
    "warnings": [{"row": 0, "column": "kind", "code": "unseen_category", "used": None}],
}


def test_a_file_is_sent_as_it_is(server: ScriptedServer, slope: Slope, tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_bytes(b"x;kind\n1,5;a\n2,5;b\n")
    server.on("POST", f"{MODEL}/predict", Answer(wire.predictions(4.0, 6.0)))
    ended = slope("predict", "line", str(path))
    assert ended.code == 0
    assert ended.out.split() == ["ROW", "VALUE", "0", "4", "1", "6"]
    assert server.received[0].headers["content-type"] == "text/csv"
    assert server.received[0].body == path.read_bytes()


def test_a_long_file_goes_in_parts_to_one_model(
    server: ScriptedServer, slope: Slope, tmp_path: Path
) -> None:
    path = tmp_path / "long.csv"
    path.write_text("x\n" + "1\n" * 2001)
    warning = {"row": 0, "column": "x", "code": "imputed", "used": 1.0}
    first = Answer(wire.predictions(*[1.0] * 2000))
    second = Answer(wire.predictions(2.0) | {"warnings": [warning]})
    server.on("POST", f"{MODEL}/predict", first)
    server.on("POST", f"/v1/models/{wire.MODEL_ID}/predict", second)
    answer = slope("predict", "line", str(path), "--json").json()
    assert len(answer["predictions"]) == 2001
    assert answer["predictions"][-1] == {"value": 2.0}
    assert answer["warnings"][0]["row"] == 2000
    assert [r.body.count(b"x") for r in server.received] == [1, 1]


def test_cells_have_the_types_of_the_models_columns(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", MODEL, Answer(wire.model()))
    server.on("POST", f"{MODEL}/predict", Answer(CLASSES))
    ended = slope("predict", "line", "--row", "x=1.5", "--row", "kind=7")
    assert server.received[-1].json() == {"rows": [{"x": 1.5, "kind": "7"}]}
    assert ended.out.split() == ["ROW", "LABEL", "PROBABILITY", "0", "b", "0.7500"]
    assert "unseen category" in ended.err


def test_several_targets_are_columns(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", MODEL, Answer(wire.model(target=["u", "v"])))
    answer = wire.predictions() | {"predictions": [{"values": {"u": 1.5, "v": -2.0}}]}
    server.on("POST", f"{MODEL}/predict", Answer(answer))
    ended = slope("predict", "line", "--row", "x=1.5", "--row", "kind=a")
    assert ended.out.split() == ["ROW", "u", "v", "0", "1.5", "-2"]
    assert "u, v" in slope("models", "get", "line").out


def test_a_cell_that_is_not_given_is_a_missing_value(server: ScriptedServer, slope: Slope) -> None:
    server.on("GET", MODEL, Answer(wire.model()))
    server.on("POST", f"{MODEL}/predict", Answer(wire.predictions(1.0)))
    slope("predict", "line", "--row", "x=")
    assert server.received[-1].json() == {"rows": [{"x": None, "kind": None}]}


@pytest.mark.parametrize("arguments", [[], ["--row", "x"], ["--row", "x=one"], ["nowhere.csv"]])
def test_what_is_no_row_is_wrong_usage(
    server: ScriptedServer, slope: Slope, arguments: list[str]
) -> None:
    server.on("GET", MODEL, Answer(wire.model()))
    assert slope("predict", "line", *arguments).code == 2


def test_a_file_without_rows_is_wrong_usage(
    server: ScriptedServer, slope: Slope, tmp_path: Path
) -> None:
    path = tmp_path / "empty.csv"
    path.write_text("x,kind\n")
    assert slope("predict", "line", str(path)).code == 2
    assert server.received == []


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@given(
    rows=st.lists(st.tuples(cells, cells), max_size=12),
    rows_at_once=st.integers(1, 5),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_parts_together_are_the_whole_table(
    rows: list[tuple[str, str]], rows_at_once: int, end: str
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    parts = csv_parts(io.BytesIO(text.getvalue().encode()), rows_at_once)
    read = [list(csv.reader(io.StringIO(part.decode(), newline=""))) for part in parts]
    assert all(part[0] == ["a", "b"] for part in read)
    assert all(1 <= len(part) - 1 <= rows_at_once for part in read)
    assert [tuple(row) for part in read for row in part[1:]] == rows
