from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.workers.tabular.stored import stored
from workers.tabular.features import Features, features_of
from workers.tabular.preprocessing import Method, Preprocessing

if TYPE_CHECKING:
    import pyarrow as pa

DOUBLE = np.dtype(np.float64)
NAN = float("nan")


def mixed() -> pa.Table:
    return stored(
        age=[3.0, None, 10.0, 7.0, 7.0],
        island=["Dream", "Biscoe", None, "Dream", "Torgersen"],
        alive=[True, False, True, True, None],
        count=[1, 2, 3, 4, 5],
    )


def fit(
    table: pa.Table, rows: list[int] | None = None, method: Method = "standard"
) -> Preprocessing:
    numbers = np.arange(table.num_rows) if rows is None else np.array(rows)
    return Preprocessing.fit(table, numbers, table.column_names, method)


def test_inputs_are_those_of_scikit_learn() -> None:
    table = mixed()
    X = fit(table).transform_table(table, DOUBLE)
    age = StandardScaler().fit_transform([[3.0], [7.0], [10.0], [7.0], [7.0]])
    alive = StandardScaler().fit_transform([[1.0], [0.0], [1.0], [1.0], [1.0]])
    count = StandardScaler().fit_transform(np.arange(5.0)[:, None])
    levels = [["Dream"], ["Biscoe"], ["~missing"], ["Dream"], ["Torgersen"]]
    island = OneHotEncoder(sparse_output=False).fit_transform(levels)
    missing_age, missing_alive = np.zeros((5, 1)), np.zeros((5, 1))
    missing_age[1], missing_alive[4] = 1.0, 1.0
    expected = np.hstack((age, missing_age, island, alive, missing_alive, count))
    np.testing.assert_allclose(X, expected, rtol=1e-14, atol=1e-15)


def test_inputs_are_named_in_the_order_of_the_features() -> None:
    assert fit(mixed()).outputs == (
        "age", "age is missing",
        "island=Biscoe", "island=Dream", "island=Torgersen", "island is missing",
        "alive", "alive is missing",
        "count",
    )  # fmt: skip


def test_nothing_is_learned_from_rows_that_do_not_train() -> None:
    table = mixed()
    rows = [0, 1, 3]
    changed = stored(
        age=[3.0, None, 1e9, 7.0, None],
        island=["Dream", "Biscoe", "Elsewhere", "Dream", None],
        alive=[True, False, None, True, False],
        count=[1, 2, -99, 4, 10**12],
    )
    assert fit(table, rows) == fit(changed, rows)


def test_moments_become_standardised_seconds() -> None:
    days = [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3)]
    table = stored(day=[day.replace(tzinfo=None) for day in days])
    preprocessing = fit(table)
    (encoder,) = preprocessing.encoders
    assert features_of(table, [encoder]).numbers[:, 0].tolist() == [d.timestamp() for d in days]
    X = preprocessing.transform_table(table, DOUBLE)
    np.testing.assert_allclose(X[:, 0], [-np.sqrt(1.5), 0.0, np.sqrt(1.5)], rtol=1e-15)


def test_without_preprocessing_numbers_stay_as_they_are() -> None:
    table = stored(x=[1.5, None, 4.0, -2.0], b=[True, False, True, True])
    X = fit(table, method="none").transform_table(table, DOUBLE)
    assert X.tolist() == [[1.5, 1.0], [1.5, 0.0], [4.0, 1.0], [-2.0, 1.0]]


def test_a_column_that_was_constant_in_training_tells_the_network_nothing() -> None:
    table = stored(x=[2.0, 2.0, 2.0, 50.0], y=[1.0, 2.0, 3.0, 4.0])
    X = fit(table, rows=[0, 1, 2]).transform_table(table, DOUBLE)
    assert X[:, 0].tolist() == [0.0] * 4


def test_an_unseen_level_is_none_of_the_known_ones() -> None:
    training, new = stored(c=["a", "b"]), stored(c=["zzz"])
    assert fit(training).transform_table(new, DOUBLE).tolist() == [[0.0, 0.0]]


def test_a_row_has_the_same_inputs_alone_and_in_company() -> None:
    rng = np.random.default_rng(0)
    values: list[float | None] = rng.normal(size=300).tolist()
    values[::7] = [None] * len(values[::7])
    table = stored(x=values, c=rng.choice(["a", "b", "c"], 300).tolist())
    preprocessing = fit(table, rows=list(range(200)))
    together = preprocessing.transform_table(table, np.dtype(np.float32))
    alone = [preprocessing.transform_table(table.slice(i, 1), together.dtype) for i in range(300)]
    assert together.tobytes() == np.vstack(alone).tobytes()


def test_a_table_of_many_pieces_keeps_the_order_of_its_rows() -> None:
    x = np.arange(200_000.0)
    table = stored(x=x.tolist())
    preprocessing = fit(table, rows=[0, 2])
    backwards = np.arange(200_000)[::-1]
    assert np.array_equal(preprocessing.transform_table(table, DOUBLE)[:, 0], x - 1.0)
    found = preprocessing.transform_table(table, DOUBLE, backwards)
    assert np.array_equal(found[:, 0], x[::-1] - 1.0)


def test_a_wide_table_has_the_inputs_of_its_columns_one_by_one() -> None:
    columns = {f"{name} {i}": mixed()[name] for i in range(7) for name in mixed().column_names}
    wide = mixed().from_pydict(columns)
    each = fit(mixed()).transform_table(mixed(), DOUBLE)
    assert np.array_equal(fit(wide).transform_table(wide, DOUBLE), np.tile(each, 7))


def test_columns_whose_names_collide_keep_names_of_their_own() -> None:
    columns: dict[str, list[Any]] = {"c": ["a", "b"], "c=a": [1.0, 2.0]}
    table = stored(**columns)
    assert fit(table).outputs == ("c=a (2)", "c=b", "c=a")


def test_a_preprocessing_reads_back_from_json() -> None:
    preprocessing = fit(mixed())
    assert (
        Preprocessing.from_plain(json.loads(json.dumps(preprocessing.to_plain()))) == preprocessing
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_of_numbers_alone_or_categories_alone_is_encoded(dtype: type) -> None:
    numbers, categories = stored(x=[1.0, 3.0]), stored(c=["a", "b"])
    assert fit(numbers).transform_table(numbers, np.dtype(dtype)).tolist() == [[-1.0], [1.0]]
    X = fit(categories).transform_table(categories, np.dtype(dtype))
    assert X.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert X.flags.c_contiguous


def test_features_of_no_row_become_no_input() -> None:
    preprocessing = fit(mixed())
    nothing = Features(np.empty((0, 3)), np.empty((0, 1), np.intp))
    assert preprocessing.transform(nothing, DOUBLE).shape == (0, 9)
