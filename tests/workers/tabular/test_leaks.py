"""A column that gives the target away is found, and an honest one that is good is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from workers.tabular.leaks import leak_of_classes, leak_of_numbers

N = 1000


def draws() -> np.random.Generator:
    return np.random.default_rng(7)


def column(values: Any) -> Any:
    array: Any = pa.array(values)
    if pa.types.is_string(array.type):
        array = array.dictionary_encode()
    return pa.chunked_array([array])


def words(classes: Any, *names: str) -> Any:
    return column([names[c] for c in classes])


def test_a_copy_of_the_classes_under_other_names_is_found_in_small_tables() -> None:
    classes = np.arange(60) % 3
    assert leak_of_classes(words(classes, "adelie", "gentoo", "chinstrap"), classes) is not None
    assert leak_of_classes(column(classes * 10), classes) is not None
    flags = classes == 0
    assert leak_of_classes(column(flags), flags.astype(np.intp)) is not None


def test_a_copy_that_may_be_a_coincidence_is_none() -> None:
    truth = np.array([0, 1, 1, 0])
    assert leak_of_classes(column(truth), truth) is None
    some = np.arange(20) % 2
    assert leak_of_classes(column(some), some, 1) is None
    more = np.arange(30) % 2
    assert leak_of_classes(column(more), more, 1) is not None
    assert leak_of_classes(column(more), more, 1000) is None


def test_among_columns_of_chance_none_is_a_leak() -> None:
    draw = draws()
    for n in (20, 30, 300):
        classes = draw.integers(2, size=n)
        for _ in range(300):
            flags, numbers = draw.integers(2, size=n), draw.normal(size=n)
            assert leak_of_classes(column(flags), classes, 300) is None
            assert leak_of_classes(column(numbers), classes, 300) is None
            assert leak_of_numbers(column(numbers), draw.normal(size=n)) is None


@pytest.mark.parametrize("share_wrong", [0.0, 0.002])
def test_a_threshold_on_a_number_that_makes_the_classes_is_found(share_wrong: float) -> None:
    draw = draws()
    x = draw.normal(size=N)
    classes = ((x > 0.3) ^ (draw.random(N) < share_wrong)).astype(np.intp)
    found = leak_of_classes(column(x), classes)
    assert found is not None
    assert "of 500 rows held back" in found


def test_a_good_feature_is_no_leak() -> None:
    draw = draws()
    x = draw.normal(size=N)
    classes = (x + 0.1 * draw.normal(size=N) > 0).astype(int)
    assert leak_of_classes(column(x), classes) is None
    assert leak_of_numbers(column(x), x + 0.15 * draw.normal(size=N)) is None


def test_rare_positives_are_no_leak_of_a_column_that_knows_nothing() -> None:
    draw = draws()
    classes = (draw.random(5000) < 0.005).astype(int)
    assert leak_of_classes(column(draw.normal(size=5000)), classes) is None


def test_a_missing_cell_that_means_a_class_is_a_leak() -> None:
    draw = draws()
    classes = draw.integers(2, size=N)
    dates = [None if c else float(d) for c, d in zip(classes, draw.random(N), strict=True)]
    assert leak_of_classes(column(dates), classes) is not None
    names = [None if c else f"customer {i % 40}" for i, c in enumerate(classes)]
    assert leak_of_classes(column(names), classes) is not None


def test_a_category_of_many_levels_that_refine_the_classes_is_a_leak() -> None:
    draw = draws()
    levels = draw.integers(40, size=N)
    assert leak_of_classes(column([f"l{i}" for i in levels]), levels % 3) is not None
    unique = [f"row {i}" for i in range(N)]
    assert leak_of_classes(column(unique), levels % 3) is None


def test_the_target_in_other_units_is_found_in_small_tables() -> None:
    celsius = draws().normal(20, 5, size=40)
    assert leak_of_numbers(column(celsius * 1.8 + 32), celsius) is not None
    assert leak_of_numbers(column(celsius[:15] * 1.8 + 32), celsius[:15]) is None


def test_a_curve_of_the_target_is_found_in_large_tables() -> None:
    y = draws().lognormal(size=N)
    found = leak_of_numbers(column(np.log(y)), y)
    assert found is not None
    assert "R2 of 0.99" in found


def test_one_outlier_that_both_share_is_no_leak() -> None:
    draw = draws()
    x, y = draw.normal(size=N), draw.normal(size=N)
    x[::10] += 1e6
    y[::10] += 1e6
    assert leak_of_numbers(column(x), y) is None


def test_levels_that_name_the_numbers_are_a_leak() -> None:
    y = draws().integers(50, size=N).astype(float)
    assert leak_of_numbers(column([f"{v:.0f} EUR" for v in y]), y) is not None


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_numbers_of_any_size_are_judged(scale: float) -> None:
    y = draws().normal(size=N)
    assert leak_of_numbers(column(y**3 * scale), y * scale) is not None
    assert leak_of_numbers(column(draws().random(N) * scale), y * scale) is None


def test_columns_without_a_value_or_of_one_are_no_leaks() -> None:
    classes, y = np.arange(N) % 2, np.arange(N) / 7
    for values in ([None] * N, [1.5] * N):
        empty = column(pa.array(values, pa.float64()))
        assert leak_of_classes(empty, classes) is None
        assert leak_of_numbers(empty, y) is None
        assert leak_of_numbers(empty.slice(0, 30), y[:30]) is None


def test_a_leak_is_found_in_a_large_table_that_is_sorted_by_its_target() -> None:
    draw = draws()
    target = np.sort(draw.normal(size=20 * N))
    noisy = column(target + 0.05 * draw.normal(size=20 * N))
    assert leak_of_numbers(noisy, target) is not None
    rare = (np.arange(20 * N) >= 19.5 * N).astype(np.intp)
    late = column(np.where(rare, 5.0, -5.0) + draw.normal(size=20 * N))
    assert leak_of_classes(late, rare) is not None
    assert leak_of_classes(column(draw.normal(size=20 * N)), rare) is None
    assert leak_of_numbers(column(draw.normal(size=20 * N)), target) is None
