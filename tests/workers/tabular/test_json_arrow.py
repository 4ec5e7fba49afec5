"""Blocks of JSON by Arrow are what the rows are one by one, or are left to be read so."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from workers.tabular.errors import TableError
from workers.tabular.ingest import ingest
from workers.tabular.json_arrow import arrow_columns, known_types
from workers.tabular.json_blocks import RowsText
from workers.tabular.options import IngestOptions
from workers.tabular.parquet import read_table

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES: dict[str, pa.DataType] = {
    "n": pa.int64(),
    "x": pa.float64(),
    "s": pa.string(),
    "b": pa.bool_(),
}
# The first block of a file is always read row by row.
ONE_BLOCK: dict[str, Any] = {}
MANY_BLOCKS = {"limits": {"block_bytes": 64, "line_bytes": 32}}

TEXT = st.one_of(
    st.text(max_size=6),
    st.sampled_from(['a"b', "a\\", "},{", "}\n{", '":', "NA", "", " x ", "2024-05-31", "é", "[{"]),
)
WHOLE = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.integers(-9, 9))
FRACTION = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.just(-0.0), WHOLE)
ROW = st.fixed_dictionaries(
    {
        "n": st.one_of(st.none(), WHOLE),
        "x": st.one_of(st.none(), FRACTION),
        's "q"': st.one_of(st.none(), TEXT.filter(lambda text: "\0" not in text)),
        "b": st.one_of(st.none(), st.booleans()),
    }
)
COLUMNS = ["n", "x", 's "q"', "b"]
ROWS = st.lists(ROW, min_size=1, max_size=12)
# What takes the place of a value, of which most are no JSON or not allowed.
ODD = st.sampled_from(
    [
        *("-0", "-0.0", "1e400", "9223372036854775808", "-9223372036854775808", "1e30", "01", "+1"),
        *(".5", "1.", "NaN", "Infinity", "nul", "True", '"\\ud800"', '"\\u0000"', '"\t"', "'x'"),
        *(
            "{}",
            "[]",
            '[{"a":1},{"a":2}]',
            '{"a":[]}',
            "1,2",
            '1,"n":2',
            '1,"z":2',
            "1}{",
            "",
            "\n",
        ),
        *('"\\u00e9"', '"\\/"', '"x":', '"a" "b"', "1 ", " 1", "1\r", "/**/1", "1//", "\f1"),
    ]
)
SPELLINGS = st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :"), (",\t", ":  ")])


def _lines(rows: list[str]) -> bytes:
    return "\n".join([*rows, ""]).encode()


def _array(rows: list[str]) -> bytes:
    return f"[{','.join(rows)}]".encode()


def _indented(rows: list[str]) -> bytes:
    return ('{"rows": [\n  ' + ",\n  ".join(rows) + "\n]}").encode()


FORMS = st.sampled_from([_lines, _array, _indented])


def _stored(data: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """The table that is stored, or the refusal."""
    with tempfile.TemporaryDirectory() as folder:
        upload, out = Path(folder, "upload"), Path(folder, "table")
        upload.write_bytes(data)
        try:
            profile = ingest(upload, IngestOptions.from_plain(options), out)
        except TableError as error:
            return error.to_plain()
        table = read_table(out.read_bytes())
    types = [str(field.type) for field in table.schema]
    return {"profile": profile.to_json(), "types": types, "rows": table.to_pylist()}


@example(
    rows=[
        {"n": None, "x": None, 's "q"': s, "b": None} for s in (None, None, None, None, ":", "NA")
    ],
    form=_lines,
    separators=(",", ":"),
)
@given(rows=ROWS, form=FORMS, separators=SPELLINGS)
@settings(max_examples=200, deadline=None)
def test_rows_are_the_same_in_one_block_and_in_many(
    rows: list[dict[str, Any]], form: Callable[[list[str]], bytes], separators: tuple[str, str]
) -> None:
    data = form([json.dumps(row, separators=separators) for row in rows])
    assert _stored(data, MANY_BLOCKS) == _stored(data, ONE_BLOCK)


@example(
    rows=[{"n": None, "x": x, 's "q"': None, "b": None} for x in (2.0**53, 0.0, -0.0)],
    form=_lines,
    odd="-0",
    place=0,
    column="n",
)
@example(
    rows=[{"n": n, "x": None, 's "q"': None, "b": None} for n in (*[None] * 7, 0)],
    form=_lines,
    odd='"\\u0000"',
    place=0,
    column="n",
)
@given(rows=ROWS, form=FORMS, odd=ODD, place=st.integers(0, 11), column=st.sampled_from(COLUMNS))
@settings(max_examples=300, deadline=None)
def test_one_odd_value_is_the_same_in_one_block_and_in_many(
    rows: list[dict[str, Any]],
    form: Callable[[list[str]], bytes],
    odd: str,
    place: int,
    column: str,
) -> None:
    texts = [json.dumps(row) for row in rows]
    changed = {**rows[place % len(rows)], column: "@@"}
    texts[place % len(rows)] = json.dumps(changed).replace('"@@"', odd)
    data = form(texts)
    many, one = _stored(data, MANY_BLOCKS), _stored(data, ONE_BLOCK)
    assert many.get("code") == one.get("code")
    assert many == one or "code" in one


def _by_arrow(lines: bytes) -> list[dict[str, Any]] | None:
    columns = arrow_columns(RowsText(lines, is_lines=True), TYPES)
    return None if columns is None else pa.table(columns).to_pylist()


PLAIN = [
    b'{"n":1,"x":1.5,"s":"a","b":true}\n{"n":null,"x":2,"s":"","b":null}\n',
    b'{"n": 1, "x": 1.5, "s": "a:\\"b\\": }", "b": true}\r\n'
    b'{"n": 2, "x": null, "s": null, "b": false}',
    b'{"b":false,"s":"\\u00e9","x":-0.0,"n":-9223372036854775807}\n',
    '{"n":1,"x":1e18,"s":"é\\n2024-05-31","b":true}'.encode(),
]


@pytest.mark.parametrize("lines", PLAIN)
def test_plain_rows_are_taken_as_they_are(lines: bytes) -> None:
    expected = [orjson.loads(line) for line in lines.splitlines()]
    assert _by_arrow(lines) == expected


ROW_1 = b'{"n":1,"x":1.5,"s":"a","b":true}'
LEFT = {
    "a key that is missing": b'{"n":1,"x":1.5,"s":"a"}',
    "a key too many": b'{"n":1,"x":1.5,"s":"a","b":true,"z":1}',
    "a key twice": b'{"n":1,"x":1.5,"s":"a","b":true,"n":1}',
    "a missing key and a colon in a text": b'{"n":1,"x":1.5,"s":":"}',
    "a missing key and its like in a text": b'{"n":1,"x":1.5,"s":"\\"b\\":"}',
    "a text for a number": b'{"n":"1","x":1.5,"s":"a","b":true}',
    "a number for a text": b'{"n":1,"x":1.5,"s":1,"b":true}',
    "a fraction for a whole number": b'{"n":1.0,"x":1.5,"s":"a","b":true}',
    "an object for a text": b'{"n":1,"x":1.5,"s":{"a":1},"b":true}',
    "infinity": b'{"n":1,"x":1e999,"s":"a","b":true}',
    "a word": b'{"n":1,"x":NaN,"s":"a","b":true}',
    "a whole number beyond 64 bits": b'{"n":1,"x":9223372036854775808,"s":"a","b":true}',
    "the least of 64 bits": b'{"n":-9223372036854775808,"x":1,"s":"a","b":true}',
    "a whole minus zero": b'{"n":1,"x":-0,"s":"a","b":true}',
    "half of a surrogate pair": b'{"n":1,"x":1.5,"s":"\\ud800","b":true}',
    "what is not UTF-8": b'{"n":1,"x":1.5,"s":"\xff","b":true}',
    "a tab within a text": b'{"n":1,"x":1.5,"s":"\t","b":true}',
    "two rows in a line": ROW_1 + b" " + ROW_1,
    "a row in two lines": ROW_1[:-1] + b"\n}",
    "two rows in a line, and one in two": ROW_1 + ROW_1 + b"\n" + ROW_1[:-1] + b"\n}",
    "a row that is null": ROW_1 + b"\nnull\n" + ROW_1,
    "a comma": ROW_1 + b",\n" + ROW_1,
    "a comment": ROW_1[:-1] + b"/**/}",
    "no row": b"{}",
}


@pytest.mark.parametrize("lines", LEFT.values(), ids=LEFT)
def test_what_is_unusual_is_left(lines: bytes) -> None:
    assert _by_arrow(b"\n".join([ROW_1, lines, ROW_1, b""])) is None


@pytest.mark.parametrize("between", [b",", b", ", b",\n  ", b" ,\r\n"])
def test_rows_of_an_array_are_taken_as_they_are(between: bytes) -> None:
    row = b'{"n": null, "x": 1.5, "s": "} , [",\n "b": true}'
    text = RowsText(between.join([ROW_1, row, ROW_1]), is_lines=False)
    columns = arrow_columns(text, TYPES)
    assert columns is not None
    expected = [orjson.loads(each) for each in (ROW_1, row, ROW_1)]
    assert pa.table(columns).to_pylist() == expected


ARRAYS = {
    "a comma that is missing": ROW_1 + b"," + ROW_1 + b"\n" + ROW_1,
    "a comma too many": ROW_1 + b",," + ROW_1 + b"," + ROW_1,
    "rows that are parted in two ways": ROW_1 + b"," + ROW_1 + b", " + ROW_1,
    "what parts rows inside a text": ROW_1.replace(b'"a"', b'"},{"') + b"," + ROW_1,
}


@pytest.mark.parametrize("rows", ARRAYS.values(), ids=ARRAYS)
def test_what_is_unusual_in_an_array_is_left(rows: bytes) -> None:
    assert arrow_columns(RowsText(rows, is_lines=False), TYPES) is None


def test_types_widen_from_block_to_block() -> None:
    block: dict[str, Any] = {"a": pa.array([1]), "b": pa.nulls(1), "c": pa.array(["x"])}
    first = known_types({}, block)
    assert first == {"a": pa.int64(), "b": pa.null(), "c": pa.string()}
    fractions: dict[str, Any] = {"a": pa.array([0.5]), "b": pa.array([True]), "c": pa.nulls(1)}
    second = known_types(first, fractions)
    assert second == {"a": pa.float64(), "b": pa.bool_(), "c": pa.string()}
    assert known_types(second, {"a": pa.array([1])})["a"] == pa.float64()
