"""The rules for one cell and the rules for columns of them are the same rules."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.tabular.cells import DATE_ORDERS, Cells, Kind, classify, convert, join
from workers.tabular.csv_blocks import Block, Marks
from workers.tabular.csv_columns import ColumnReader
from workers.tabular.csv_dialect import Dialect
from workers.tabular.csv_parse import parse_typed
from workers.tabular.options import IngestOptions
from workers.tabular.types import (
    MISSING_TOKENS,
    DateOrder,
    parse_boolean,
    parse_datetime,
    parse_number,
)

NUMBER_LIKE = st.one_of(
    st.text(alphabet="0123456789.eE+-_ xnaif", max_size=8),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(min_value=-(10**20), max_value=10**20).map(str),
    st.sampled_from(
        ["1e5000", "-1e5000", "1e-5000", "inf", "-Infinity", "١٢", "1_0", "0x1", "\uff11"]
    ),
)


def _cells(*texts: str) -> Cells:
    return Cells.clean(pa.array(texts, pa.string()).dictionary_encode(), MISSING_TOKENS)


def _column(texts: list[str], kind: str) -> list[object] | None:
    column = convert(_cells(*texts), kind, ".")  # type: ignore[arg-type]
    return None if column is None else column.to_pylist()


@given(NUMBER_LIKE)
def test_a_cell_is_the_same_number_alone_and_in_a_column(text: str) -> None:
    if text.strip(" \t") in MISSING_TOKENS:
        return
    number = parse_number(text)
    assert _column([text], "float") == (None if number is None else [number])


@given(NUMBER_LIKE)
def test_a_number_is_what_float_takes_but_for_its_freedoms(text: str) -> None:
    number = parse_number(text)
    if number is not None:
        assert number == float(text)
        assert math.isfinite(number)
        assert text.isascii()
        assert "_" not in text


@given(st.lists(st.one_of(NUMBER_LIKE, st.sampled_from(MISSING_TOKENS)), min_size=1, max_size=8))
def test_arrows_own_reading_of_numbers_agrees_with_the_rules(texts: list[str]) -> None:
    """Where the fast way takes a block at all, it finds what the slow way finds."""
    data = "".join(f'"{text}"\n' for text in texts).encode()
    block = Block(data, 1)
    dialect = Dialect(Marks(b",", b'"', b"\n"), ("x",), 1)
    fast = parse_typed(block, dialect, {"x": pa.float64()}, 0)
    slow = ColumnReader(dialect, IngestOptions()).read_cells(block)["x"]
    if fast is not None and all(x is None or math.isfinite(x) for x in fast["x"].to_pylist()):
        converted = convert(slow, "float", ".")
        assert converted is not None
        assert fast["x"].to_pylist() == converted.to_pylist()


@given(
    st.lists(
        st.one_of(
            st.from_regex(
                r"[0-3]?[0-9]\.[01]?[0-9]\.(19|20)[0-9]{2}( [0-2][0-9]:[0-5][0-9])?Z?",
                fullmatch=True,
            ),
            st.from_regex(
                r"(19|20)[0-9]{2}[-/.][01][0-9]([-/.][0-3][0-9])?(T[01][0-9]:00)?", fullmatch=True
            ),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_a_cell_is_the_same_moment_alone_and_in_a_column(texts: list[str]) -> None:
    alone = [parse_datetime(text) for text in texts]
    column = _column(texts, "datetime")
    if column is None:
        assert None in alone
    else:
        assert column == [moment and moment.replace(tzinfo=None) for moment in alone]


@pytest.mark.parametrize(
    "text", ["31.05.2024", "2024/05/31", "2024.05.31", "31.5.2024", "2024-05-31"]
)
def test_a_day_may_be_written_in_every_way_that_means_one_day_only(text: str) -> None:
    assert parse_datetime(text) == datetime(2024, 5, 31, tzinfo=UTC)
    assert parse_datetime("2024-05") == datetime(2024, 5, 1, tzinfo=UTC)
    assert classify(_cells(text, "NA"), ".") == "datetime"
    for other in ("05/31/2024", "31.05.24", "31.02.2024", "2024-13", "2024.05"):
        assert parse_datetime(other) is None


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024-05-31 04:51:28 UTC", "2024-05-31T04:51:28+00:00"),
        ("2024-05-31 04:51:28.25UTC", "2024-05-31T04:51:28.250000+00:00"),
        ("2024-05-31 04:51:28+00", "2024-05-31T04:51:28+00:00"),
        ("2024-05-31 04:51:28.5-05", "2024-05-31T09:51:28.500000+00:00"),
        ("2024-05-31T04:51:28.123456789", "2024-05-31T04:51:28.123456+00:00"),
        ("2024-05-31T04:51:28.123456789Z", "2024-05-31T04:51:28.123456+00:00"),
        ("31.05.2024 04:51 UTC", "2024-05-31T04:51:00+00:00"),
    ],
)
def test_times_are_read_as_databases_and_data_frames_write_them(text: str, iso: str) -> None:
    moment = datetime.fromisoformat(iso)
    assert parse_datetime(text) == moment
    assert _column([text, "2024-05-31"], "datetime") == [
        moment.replace(tzinfo=None),
        datetime(2024, 5, 31),  # noqa: DTZ001
    ]


@given(
    st.lists(
        st.one_of(
            st.from_regex(
                r"[0-3]?[0-9][/-][0-3]?[0-9][/-](19|20)[0-9]{2}( [0-2][0-9]:[0-5][0-9])?Z?",
                fullmatch=True,
            ),
            st.sampled_from(["2024-05-31", "31.05.2024", "5/2024", "1/2/24", "1/2-2024"]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(DATE_ORDERS),
)
def test_a_cell_of_known_order_is_the_same_moment_alone_and_in_a_column(
    texts: list[str], order: DateOrder
) -> None:
    alone = [parse_datetime(text, order) for text in texts]
    column = _column(texts, order)
    if column is None:
        assert None in alone
    else:
        assert column == [moment and moment.replace(tzinfo=None) for moment in alone]


@pytest.mark.parametrize("text", ["31/05/2024", "31/5/2024", "31-05-2024", "2024-05-31"])
def test_the_day_may_stand_first(text: str) -> None:
    assert parse_datetime(text, "day_first") == datetime(2024, 5, 31, tzinfo=UTC)
    assert parse_datetime("1/2/2024 10:30", "day_first") == datetime(2024, 2, 1, 10, 30, tzinfo=UTC)
    assert parse_datetime("1/2/2024 10:30", "month_first") == datetime(
        2024, 1, 2, 10, 30, tzinfo=UTC
    )
    for order in DATE_ORDERS:
        for other in ("31/05/24", "31/05-2024", "13/13/2024", "31/05/2024 10 AM"):
            assert parse_datetime(other, order) is None


KINDS_OF_DATES: tuple[Kind, ...] = ("datetime", "either_first", *DATE_ORDERS, "string")


@given(*[st.sampled_from(KINDS_OF_DATES)] * 3)
def test_kinds_are_joined_in_any_order(one: Kind, two: Kind, three: Kind) -> None:
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(one, one) == one


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["31/05/2024", "01/02/2024"], "day_first"),
        (["01/02/2024", "5/31/2024 10:30"], "month_first"),
        (["31-05-2024", "2024-06-01", "01.02.2024", "?"], "day_first"),
        (["05/01/2024", "2/3/2024", "2024-05-31"], "either_first"),
        (["31/05/2024", "05/31/2024"], "string"),
        (["31/05/2024", "soon"], "string"),
        (["31/05/24"], "string"),
        (["1", "-2", "NA", ""], "integer"),
        (["1", "2.0"], "integer"),
        (["1", "2.5"], "float"),
        (["9007199254740993", "1"], "float"),
        (["true", "FALSE", "None"], "boolean"),
        (["yes", "no"], "string"),
        (["0", "1"], "integer"),
        (["2024-02-29", "2024-03-01T10:00:00+02:00", "?"], "datetime"),
        (["2024-02-29", "2023-02-29"], "string"),
        (["2024"], "integer"),
        (["NA", "", "-", " ? "], "empty"),
        (["1", "one"], "string"),
    ],
)
def test_a_column_is_of_the_narrowest_kind_that_holds_it(texts: list[str], kind: str) -> None:
    assert classify(_cells(*texts), ".") == kind


@pytest.mark.parametrize("text", ["na", "none", "Null", "NAN", "N.A."])
def test_missing_tokens_are_spelled_as_programs_write_them(text: str) -> None:
    assert _cells(text).distinct.to_pylist() == [text]


KINDS = st.sampled_from(["empty", "integer", "float", "boolean", "datetime", "string"])


@given(KINDS, KINDS, KINDS)
def test_the_order_of_blocks_does_not_matter_to_the_kind(a: str, b: str, c: str) -> None:
    left = join(join(a, b), c)  # type: ignore[arg-type]
    assert left == join(a, join(b, c))  # type: ignore[arg-type]
    assert join(a, b) == join(b, a)  # type: ignore[arg-type]
    assert join(a, a) == a  # type: ignore[arg-type]


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_a_moment_is_the_same_alone_and_in_a_column(moment: datetime) -> None:
    for text in (moment.isoformat(), moment.isoformat(" ") + "+02:00"):
        parsed = parse_datetime(text)
        assert parsed is not None
        assert parsed == datetime.fromisoformat(text).replace(
            tzinfo=datetime.fromisoformat(text).tzinfo or UTC
        )
        assert _column([text], "datetime") == [parsed.replace(tzinfo=None)]


@pytest.mark.parametrize(
    ("text", "value"),
    [("Yes", True), (" n ", False), ("1", True), ("2", None)],
)
def test_wished_booleans_take_the_common_words(text: str, value: bool | None) -> None:
    assert parse_boolean(text) is value
    assert _column([text], "truth") == (None if value is None else [value])


def test_blanks_around_a_cell_are_not_part_of_it() -> None:
    column = convert(_cells("a", " a", "a\t", "b", " NA"), "string", ".")
    assert column is not None
    assert column.to_pylist() == ["a", "a", "a", "b", None]
    assert column.dictionary.to_pylist() == ["a", "b"]  # type: ignore[attr-defined]
