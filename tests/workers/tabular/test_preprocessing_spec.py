"""Preprocessing as data: columns of all types, fitted on some rows, the same bits ever after."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.workers.tabular.stored import stored
from workers.tabular.features import features_of
from workers.tabular.preprocessing import Preprocessing
from workers.tabular.spec import (
    CategoricalSpec,
    ColumnSpec,
    DatePart,
    DatetimeSpec,
    NumericSpec,
    PreprocessingSpec,
)

if TYPE_CHECKING:
    import pyarrow as pa

DOUBLE = np.dtype(np.float64)
PARTS: tuple[DatePart, ...] = ("year", "month", "day_of_year", "day_of_week", "hour")
EVERYTHING = PreprocessingSpec(
    numeric=NumericSpec(scaling="robust", clip=True, encoding="piecewise_linear", bins=8),
    categorical=CategoricalSpec(max_levels=3, min_count=5),
    datetime=DatetimeSpec(parts=PARTS, differences=True),
    columns={"odd": ColumnSpec(scaling="quantile", encoding="none", clip=False)},
)


def nasty(n_rows: int = 300) -> pa.Table:
    """Missing cells everywhere, levels of few rows, columns that are all missing or constant."""
    rng = np.random.default_rng(1)
    start = datetime(1999, 12, 30, 7)  # noqa: DTZ001 - stored moments are in UTC
    begun = [start + timedelta(hours=int(h)) for h in rng.integers(0, 50_000, n_rows)]
    ended: list[Any] = [
        b + timedelta(minutes=int(m))
        for b, m in zip(begun, rng.integers(0, 90_000, n_rows), strict=True)
    ]
    levels = rng.choice([f"level {i}" for i in range(40)], n_rows, p=_falling(40)).tolist()
    columns: dict[str, list[Any]] = {
        "x": rng.normal(size=n_rows).tolist(),
        "odd": np.exp(rng.normal(0, 3, n_rows)).tolist(),
        "c": levels,
        "embedded": levels[::-1],
        "flag": rng.choice([True, False], n_rows).tolist(),
        "begun": begun,
        "ended": ended,
        "constant": [1.0] * n_rows,
    }
    for place, name in enumerate(columns):
        if name != "constant":
            columns[name][place::11] = [None] * len(columns[name][place::11])
    return stored(**columns)


def _falling(count: int) -> Any:
    weights = 1.0 / np.arange(1, count + 1)
    return weights / weights.sum()


def fit(
    table: pa.Table, spec: PreprocessingSpec = EVERYTHING, rows: int | None = None
) -> Preprocessing:
    embedded = {"embedded"} & set(table.column_names)
    wanted = np.arange(rows or table.num_rows)
    return Preprocessing.fit(table, wanted, table.column_names, spec, embedded)


def test_a_specification_of_defaults_is_the_standard() -> None:
    table = nasty()
    names = [name for name in table.column_names if name != "embedded"]
    custom = Preprocessing.fit(table, np.arange(300), names, PreprocessingSpec())
    standard = Preprocessing.fit(table, np.arange(300), names, "standard")
    assert custom.encoders == standard.encoders
    X = custom.transform_table(table, DOUBLE)
    assert X.tobytes() == standard.transform_table(table, DOUBLE).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_has_the_same_bits_alone_in_a_batch_and_in_a_table(dtype: type) -> None:
    table = nasty()
    fitted = fit(table, rows=200)
    together = fitted.transform_table(table, np.dtype(dtype))
    assert np.isfinite(together).all()
    assert together.shape[1] == len(fitted.outputs) == len(set(fitted.outputs))
    batch = fitted.transform(features_of(table, fitted.encoders), np.dtype(dtype))
    rows = [fitted.transform_table(table.slice(i, 1), np.dtype(dtype)) for i in range(300)]
    single = [
        fitted.transform(features_of(table.slice(i, 1), fitted.encoders), np.dtype(dtype))
        for i in range(300)
    ]
    for other in (batch, np.vstack(rows), np.vstack(single)):
        assert other.tobytes() == together.tobytes()


def test_nothing_is_learned_from_rows_that_do_not_train() -> None:
    table = nasty()
    changed = table.slice(0, 200)
    assert fit(table, rows=200) == fit(changed)


def test_all_of_it_reads_back_from_json() -> None:
    fitted = fit(nasty())
    assert fitted.differences
    plain = json.loads(json.dumps(fitted.to_plain(), allow_nan=False))
    again = Preprocessing.from_plain(plain)
    assert again == fitted
    table = nasty()
    X = again.transform_table(table, DOUBLE)
    assert X.tobytes() == fitted.transform_table(table, DOUBLE).tobytes()


def test_rare_levels_share_one_input_or_one_number() -> None:
    column = ["a"] * 5 + ["b"] * 3 + ["c", "d"]
    table = stored(c=column, embedded=column)
    spec = PreprocessingSpec(categorical=CategoricalSpec(min_count=2))
    fitted = fit(table, spec)
    assert fitted.outputs == ("c=a", "c=b", "c is other", "embedded")
    assert fitted.levels["embedded"].count == 4
    new = stored(c=["b", "d", "new", None], embedded=["b", "d", "new", None])
    assert fitted.transform_table(new, DOUBLE).tolist() == [
        [0, 1, 0, 2], [0, 0, 1, 3], [0, 0, 1, 3], [1, 0, 0, 0],
    ]  # fmt: skip


def test_where_every_level_is_rare_a_missing_one_is_other() -> None:
    spec = PreprocessingSpec(categorical=CategoricalSpec(min_count=9))
    fitted = fit(stored(c=["a", "b"]), spec)
    assert fitted.transform_table(stored(c=["a", None]), DOUBLE).tolist() == [[1.0], [1.0]]


def test_only_the_most_frequent_levels_have_an_input() -> None:
    spec = PreprocessingSpec(
        categorical=CategoricalSpec(max_levels=1), columns={"d": ColumnSpec(max_levels=2)}
    )
    column = ["a", "a", "b", "b", "b", "c"]
    fitted = fit(stored(c=column, d=column), spec)
    assert fitted.outputs == ("c=b", "c is other", "d=a", "d=b", "d is other")


def test_parts_of_moments_stand_on_circles() -> None:
    moments = [
        datetime(1969, 12, 31, 23, 59, 59),  # noqa: DTZ001
        datetime(2024, 2, 29, 0, 0),  # noqa: DTZ001
        datetime(1, 1, 1, 12),  # noqa: DTZ001
        datetime(9999, 12, 31, 6),  # noqa: DTZ001
    ]
    spec = PreprocessingSpec(datetime=DatetimeSpec(parts=PARTS))
    fitted = fit(stored(t=moments), spec)
    X = dict(zip(fitted.outputs, fitted.transform_table(stored(t=moments), DOUBLE).T, strict=True))
    cycles = {
        "month": [(m.month - 1) / 12 for m in moments],
        "day of year": [(m.timetuple().tm_yday - 1) / 366 for m in moments],
        "day of week": [m.weekday() / 7 for m in moments],
        "hour": [m.hour / 24 for m in moments],
    }
    for name, turns in cycles.items():
        for function, said in ((math.sin, "sine"), (math.cos, "cosine")):
            expected = [function(2 * math.pi * turn) for turn in turns]
            np.testing.assert_allclose(X[f"t {name} ({said})"], expected, atol=1e-12)
    years = np.array([m.year for m in moments])
    np.testing.assert_allclose(X["t year"], (years - years.mean()) / years.std(), rtol=1e-12)


def test_parts_can_be_plain_numbers_and_those_that_never_change_are_none() -> None:
    days = [datetime(2024, month, 1) for month in (1, 2, 4)]  # noqa: DTZ001
    spec = PreprocessingSpec(datetime=DatetimeSpec(parts=("month", "hour"), cyclic=False))
    fitted = fit(stored(t=[*days, None]), spec)
    assert fitted.outputs == ("t", "t is missing", "t month")
    X = fitted.transform_table(stored(t=[*days, None]), DOUBLE)[:, 2]
    months = np.array([0, 1, 3])
    np.testing.assert_allclose(X[:3], (months - months.mean()) / months.std(), rtol=1e-12)
    assert X[3] == 0.0


def test_differences_are_the_days_between_two_columns() -> None:
    first = datetime(2024, 3, 1)  # noqa: DTZ001
    lengths = [1.0, 2.5, 7.0]
    ends = [first + timedelta(days=length) for length in lengths]
    table = stored(a=[first] * 3, b=ends)
    spec = PreprocessingSpec(datetime=DatetimeSpec(differences=True))
    fitted = fit(table, spec)
    assert fitted.outputs == ("a", "b", "days from a to b")
    X = fitted.transform_table(table, DOUBLE)[:, 2]
    np.testing.assert_allclose(X, (np.array(lengths) - 3.5) / np.std(lengths), rtol=1e-12)
    new = stored(a=[first, first], b=[None, first])
    found = fitted.transform_table(new, DOUBLE)[:, 2]
    assert found[0] == 0.0
    np.testing.assert_allclose(found[1], -3.5 / np.std(lengths), rtol=1e-12)
