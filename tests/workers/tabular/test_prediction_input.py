from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from tests.workers.tabular.stored import stored
from workers.tabular.cell_readers import json_reader, spelled, text_reader
from workers.tabular.cell_rules import cell_rules
from workers.tabular.csv_rows import prediction_rows
from workers.tabular.encoders import UNSEEN, CodedEncoder
from workers.tabular.features import Features, features_of
from workers.tabular.ingest import ingest
from workers.tabular.options import IngestOptions
from workers.tabular.parquet import read_table, reading_of
from workers.tabular.prediction_input import MAX_PROBLEMS, InputReader, PredictionInputError
from workers.tabular.preprocessing import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

TABLE = stored(
    age=[3.0, None, 10.25],
    island=["Dream", "2", None],
    alive=[True, False, None],
    day=[datetime(2024, 2, 29), datetime(1969, 12, 31, 23, 59, 59, 123456), None],  # noqa: DTZ001
)
PREPROCESSING = Preprocessing.fit(TABLE, np.arange(3), TABLE.column_names, "standard")
READER = InputReader(PREPROCESSING.encoders)
ROWS: list[dict[str, Any]] = [
    {"age": 3, "island": "Dream", "alive": True, "day": "2024-02-29"},
    {"alive": False, "age": None, "day": "1970-01-01T00:59:59.123456+01:00", "island": 2.0},
    {"age": 10.25, "island": None, "alive": None, "day": None},
]
CSV = b"""day,alive,island,age
2024-02-29,true,Dream,3
1969-12-31T23:59:59.123456Z,F, 2 ,NA
,,NA,10.25
"""


def same(one: Features, other: Features) -> bool:
    return (
        one.numbers.tobytes() == other.numbers.tobytes()
        and one.codes.tobytes() == other.codes.tobytes()
    )


def problems(error: PredictionInputError) -> list[tuple[str, str]]:
    return [(problem.pointer, problem.code) for problem in error.problems]


def test_json_rows_arrays_and_csv_are_read_as_the_table_was() -> None:
    expected = features_of(TABLE, PREPROCESSING.encoders)
    arrays = [[row[name] for name in PREPROCESSING.features] for row in ROWS]
    assert same(READER.rows(ROWS), expected)
    assert same(READER.inputs(arrays), expected)
    assert same(READER.columns(prediction_rows(CSV)), expected)


def test_every_wrong_cell_is_named() -> None:
    rows: list[dict[str, Any]] = [
        {"age": True, "island": True, "alive": 1, "day": 5},
        {"age": "3", "island": [], "alive": "true", "day": "soon"},
        {"age": 10**400, "island": 10**400, "alive": None, "day": None},
        {"age": float("nan"), "island": "", "alive": None, "day": "2024-02-30"},
    ]
    with pytest.raises(PredictionInputError) as caught:
        READER.rows(rows)
    assert problems(caught.value) == [
        ("/rows/0/age", "not_a_number"),
        ("/rows/0/island", "not_a_category"),
        ("/rows/0/alive", "not_a_boolean"),
        ("/rows/0/day", "not_a_datetime"),
        ("/rows/1/age", "not_a_number"),
        ("/rows/1/island", "not_a_category"),
        ("/rows/1/alive", "not_a_boolean"),
        ("/rows/1/day", "not_a_datetime"),
        ("/rows/2/age", "not_finite"),
        ("/rows/2/island", "not_finite"),
        ("/rows/3/age", "not_finite"),
        ("/rows/3/day", "not_a_datetime"),
    ]


def test_missing_and_unknown_names_are_named_together() -> None:
    rows: list[dict[str, Any]] = [
        {"age": 1, "island": None, "alive": None, "Day": None},
        ROWS[0],
        ROWS[1] | {"a/~b": 1},
    ]
    with pytest.raises(PredictionInputError) as caught:
        READER.rows(rows)
    assert problems(caught.value) == [
        ("/rows/0/day", "missing_feature"),
        ("/rows/0/Day", "unknown_feature"),
        ("/rows/2/a~1~0b", "unknown_feature"),
    ]


def test_an_array_of_another_width_is_refused_with_the_width_expected() -> None:
    with pytest.raises(PredictionInputError) as caught:
        READER.inputs([[1.0, "a", True, None], [1.0], []])
    assert problems(caught.value) == [("/inputs/1", "rows_width"), ("/inputs/2", "rows_width")]
    assert caught.value.problems[0].limit == 4


def test_a_wrong_cell_of_an_array_is_pointed_at_by_its_place() -> None:
    with pytest.raises(PredictionInputError) as caught:
        READER.inputs([["x", None, None, None]])
    assert problems(caught.value) == [("/inputs/0/0", "not_a_number")]


def test_wrong_columns_and_cells_of_text_are_named() -> None:
    with pytest.raises(PredictionInputError) as caught:
        READER.columns({"age": ["1"], "island": ["x"], "alive": ["true"], "extra": ["1"]})
    assert problems(caught.value) == [
        ("/columns/day", "missing_feature"),
        ("/columns/extra", "unknown_feature"),
    ]
    columns = {"age": ["1_0"], "island": ["x"], "alive": ["maybe"], "day": ["2024-02-30"]}
    with pytest.raises(PredictionInputError) as caught:
        READER.columns(columns)
    assert problems(caught.value) == [
        ("/rows/0/age", "not_a_number"),
        ("/rows/0/alive", "not_a_boolean"),
        ("/rows/0/day", "not_a_datetime"),
    ]


def test_columns_of_different_lengths_are_refused() -> None:
    columns: dict[str, list[str | None]] = {
        "age": ["1", "2"],
        "island": ["x"],
        "alive": ["t"],
        "day": [None],
    }
    with pytest.raises(PredictionInputError) as caught:
        READER.columns(columns)
    assert problems(caught.value) == [("/columns", "rows_length")]


def test_only_the_first_problems_are_looked_for() -> None:
    with pytest.raises(PredictionInputError) as caught:
        READER.rows([{"age": "x"}] * 100_000)
    assert len(caught.value.problems) == MAX_PROBLEMS


@pytest.mark.parametrize(
    ("number", "text"),
    [(3, "3"), (3.0, "3"), (-0.0, "0"), (0.5, "0.5"), (1e22, "1e+22"), (2.0**53, str(2**53))],
)
def test_a_number_is_spelled_as_a_label(number: float, text: str) -> None:
    assert spelled(number) == text


def test_what_is_not_read_is_told_apart_from_names_that_nobody_knows() -> None:
    reader = InputReader(PREPROCESSING.encoders, ("outcome",))
    row = dict.fromkeys(encoder.name for encoder in PREPROCESSING.encoders)
    rows = [row, row | {"outcome": 1.0}]
    assert reader.rows(rows).numbers.tobytes() == reader.rows([row, row]).numbers.tobytes()
    assert reader.unread(rows) == ("outcome",)
    with pytest.raises(PredictionInputError) as raised:
        reader.rows([row | {"outcome": 1.0, "typo": 1.0}])
    [typo] = raised.value.problems
    assert (typo.pointer, typo.code) == ("/rows/0/typo", "unknown_feature")
    assert all(encoder.name in typo.detail for encoder in PREPROCESSING.encoders)


OWN_ROWS: dict[str, list[dict[str, Any]]] = {
    "missing words": [
        {"c": "None"},
        {"c": "low"},
        {"c": ""},
        {"c": " NA "},
        {"c": None},
        {"c": "b"},
    ],
    "numbers as text": [{"c": "5"}, {"c": "1.5"}, {"c": "NA"}, {"c": None}, {"c": " 7 "}],
    "whole numbers as text": [{"c": "5"}, {"c": "1"}, {"c": "?"}],
    "truth as text": [{"c": "true"}, {"c": "False"}, {"c": ""}],
    "days": [{"c": "2024-05-31"}, {"c": "31.05.2023"}, {"c": "NULL"}, {"c": ""}, {"c": None}],
    "codes": [{"c": "07"}, {"c": "7"}, {"c": "8"}, {"c": "7.0"}],
    "long codes": [{"c": 1234567890123456701}, {"c": 1234567890123456702}],
    "levels and numbers": [{"c": "5"}, {"c": "a"}, {"c": "6.0"}, {"c": None}],
}


def _from_json(
    rows: list[dict[str, Any]], options: dict[str, Any], folder: Path
) -> tuple[pa.Table, InputReader]:
    """The stored table of the rows, and the reader of requests for a model of all its columns."""
    (folder / "rows").write_bytes(orjson.dumps(rows))
    ingest(folder / "rows", IngestOptions.from_plain(options), folder / "table")
    table = read_table((folder / "table").read_bytes())
    fitted = Preprocessing.fit(table, np.arange(len(rows)), table.column_names, "standard")
    return table, InputReader(fitted.encoders, (), cell_rules(reading_of(table.schema)))


@pytest.mark.parametrize("rows", OWN_ROWS.values(), ids=OWN_ROWS)
def test_rows_that_trained_are_read_as_in_the_table(
    rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    wish = {"c": {"type": "categorical"}} if type(rows[0]["c"]) is int else {}
    table, reader = _from_json(rows, {"schema": wish}, tmp_path)
    fitted = Preprocessing.fit(table, np.arange(len(rows)), table.column_names, "standard")
    assert same(reader.rows(rows), features_of(table, fitted.encoders))


def test_own_missing_words_and_decimal_commas_of_text_are_read_as_in_the_table(
    tmp_path: Path,
) -> None:
    rows = [{"c": "1,5"}, {"c": "2,25"}, {"c": "k.A."}, {"c": "3"}]
    options = {"schema": {"c": {"missing": ["k.A."]}}, "parse": {"decimal": ","}}
    table, reader = _from_json(rows, options, tmp_path)
    assert reader.rows(rows).numbers[:, 0].tolist()[:2] == [1.5, 2.25]
    assert np.isnan(reader.rows(rows).numbers[2, 0])
    assert table["c"].to_pylist() == [1.5, 2.25, None, 3.0]


def test_text_for_a_number_of_a_text_file_stays_a_mistake() -> None:
    with pytest.raises(PredictionInputError) as caught:
        READER.rows([{"age": "3", "island": None, "alive": None, "day": None}])
    assert problems(caught.value) == [("/rows/0/age", "not_a_number")]


@pytest.mark.parametrize(
    ("levels", "cell", "level"),
    [
        (["5", "6"], "5.0", "5"),
        (["5.0", "6.0"], "5", "5.0"),
        (["5.0", "6.0"], 5.0, "5.0"),
        (["5.0", "6.0"], 6, "6.0"),
        (["5", "5.0"], "5.00", None),
        (["05", "06"], 5, None),
        (["0.50", "x"], 0.5, "0.50"),
        (["1e3", "x"], 1000, None),
        (["1234567890123456701", "x"], 1234567890123456701, "1234567890123456701"),
        (["1234567890123456701", "x"], 1234567890123456702, None),
    ],
)
def test_a_level_that_is_a_number_is_one_however_it_is_written(
    levels: list[str], cell: Any, level: str | None
) -> None:
    table = stored(c=levels)
    encoders = Preprocessing.fit(table, np.arange(2), ["c"], "standard").encoders
    encoder = encoders[0]
    assert isinstance(encoder, CodedEncoder)
    expected = UNSEEN if level is None else encoder.codes[level]
    read = [json_reader(encoder)(cell)]
    read += [text_reader(encoder)(cell)] if isinstance(cell, str) else []
    assert read == [expected] * len(read)
