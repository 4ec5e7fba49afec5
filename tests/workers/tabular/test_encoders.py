from __future__ import annotations

import json

import numpy as np
import pytest

from workers.tabular.encoders import (
    MAX_LEVELS,
    CategoricalEncoder,
    NumericEncoder,
    encoder_from_plain,
    moments,
)


def numeric(*values: float) -> NumericEncoder:
    return NumericEncoder.fit("x", "numeric", np.array(values), standardise=True)


def test_a_missing_number_stands_at_the_median_and_counts_in_mean_and_deviation() -> None:
    encoder = numeric(1.0, 2.0, 9.0, np.nan)
    imputed = np.array([1.0, 2.0, 9.0, 2.0])
    assert encoder.fill == 2.0
    assert encoder.center == imputed.mean()
    assert encoder.scale == imputed.std()
    assert (encoder.minimum, encoder.maximum) == (1.0, 9.0)
    assert encoder.outputs == ("x", "x is missing")


def test_without_missing_training_cells_there_is_no_indicator() -> None:
    assert numeric(1.0, 2.0).outputs == ("x",)


def test_a_column_without_any_value_has_neither_spread_nor_indicator() -> None:
    encoder = numeric(np.nan, np.nan)
    assert (encoder.fill, encoder.scale, encoder.outputs) == (0.0, 0.0, ("x",))


@pytest.mark.parametrize(
    ("values", "majority"), [([1, 1, 0], 1.0), ([0, 0, 1], 0.0), ([0, 1], 1.0)]
)
def test_a_missing_boolean_stands_at_the_majority(values: list[float], majority: float) -> None:
    encoder = NumericEncoder.fit("b", "boolean", np.array(values, float), standardise=True)
    assert encoder.fill == majority


def test_unstandardised_numbers_stay_as_they_are() -> None:
    encoder = NumericEncoder.fit("x", "numeric", np.array([5.0, 7.0, np.nan]), standardise=False)
    assert (encoder.center, encoder.scale, encoder.outputs) == (0.0, 1.0, ("x",))


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e200, 1e308])
def test_mean_and_deviation_survive_any_size_of_numbers(size: float) -> None:
    center, scale = moments(np.array([0.25, 0.5, 1.0, 0.25]) * size)
    assert center / size == pytest.approx(0.5, rel=1e-15)
    assert scale / size == pytest.approx(np.std([0.25, 0.5, 1.0, 0.25]), rel=1e-15)


def test_equal_values_have_no_deviation_however_they_are_rounded() -> None:
    assert moments(np.full(7, 0.1)) == (0.1, 0.0)


def test_levels_are_sorted_and_missing_is_one_of_its_own() -> None:
    encoder = CategoricalEncoder.fit("c", {"b": 1, "a": 3, "never": 0}, n_missing=2)
    assert encoder.outputs == ("c=a", "c=b", "c is missing")
    assert encoder.most_frequent == "a"
    assert encoder.places == (-1, 2, 0, 1)


def test_a_missing_category_that_training_never_saw_is_the_most_frequent() -> None:
    encoder = CategoricalEncoder.fit("c", {"a": 1, "b": 2}, n_missing=0)
    unseen, missing, *_ = encoder.places
    assert encoder.outputs[missing] == "c=b"
    assert unseen == -1


def test_beyond_a_hundred_levels_the_rare_ones_and_the_unseen_share_a_column() -> None:
    counts = {f"v{i:03}": 1000 - i for i in range(MAX_LEVELS + 50)}
    encoder = CategoricalEncoder.fit("c", counts, n_missing=0)
    assert len(encoder.outputs) == MAX_LEVELS + 1
    other = encoder.outputs.index("c is other")
    unseen, _, *levels = encoder.places
    assert unseen == other
    assert levels == [*range(MAX_LEVELS), *[other] * 50]


@pytest.mark.parametrize(
    "encoder",
    [
        numeric(0.1, 0.7, np.nan),
        CategoricalEncoder.fit("é\n", {"x,y": 2, "": 1}, n_missing=1),
    ],
)
def test_an_encoder_reads_back_from_json(encoder: NumericEncoder | CategoricalEncoder) -> None:
    assert encoder_from_plain(json.loads(json.dumps(encoder.to_plain()))) == encoder
