"""What numbers become beyond standardising, beside scikit-learn and beside the papers' formulas."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.preprocessing import QuantileTransformer, RobustScaler, StandardScaler

from tests.workers.tabular.stored import stored
from workers.tabular.curves import bin_edges, smooth_clip
from workers.tabular.preprocessing import Preprocessing
from workers.tabular.spec import NumericSpec, PreprocessingSpec

DOUBLE = np.dtype(np.float64)
RNG = np.random.default_rng(5)
SHAPES = {
    "normal": RNG.normal(50.0, 3.0, 4_000),
    "skewed": np.exp(RNG.normal(0.0, 2.0, 4_000)),
    "tied": np.where(RNG.random(4_000) < 0.9, 0.0, RNG.normal(size=4_000).round(2)),
    "few": RNG.integers(0, 5, 4_000).astype(float),
    "short": RNG.normal(size=30),
}


def inputs(x: np.ndarray, **numeric: object) -> np.ndarray:
    """The inputs (N, I) of one column, fitted on all of its rows."""
    table = stored(x=[None if np.isnan(value) else value for value in x.tolist()])
    spec = PreprocessingSpec(numeric=NumericSpec(**numeric))  # type: ignore[arg-type]
    return Preprocessing.fit(table, np.arange(len(x)), ["x"], spec).transform_table(table, DOUBLE)


@pytest.mark.parametrize("shape", SHAPES)
def test_standard_scaling_is_that_of_scikit_learn(shape: str) -> None:
    x = SHAPES[shape]
    expected = StandardScaler().fit_transform(x[:, None])
    np.testing.assert_allclose(inputs(x, scaling="standard"), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", ["normal", "skewed", "few", "short"])
def test_robust_scaling_is_that_of_scikit_learn(shape: str) -> None:
    x = SHAPES[shape]
    expected = RobustScaler().fit_transform(x[:, None])
    np.testing.assert_allclose(inputs(x, scaling="robust"), expected, rtol=1e-12, atol=1e-14)


def test_half_the_range_stands_in_for_quartiles_that_are_one() -> None:
    x = np.array([0.0] * 9 + [10.0])
    assert inputs(x, scaling="robust")[:, 0].tolist() == [0.0] * 9 + [2.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_quantile_scaling_is_that_of_scikit_learn(shape: str) -> None:
    x = SHAPES[shape]
    theirs = QuantileTransformer(
        n_quantiles=1_000 if len(x) > 1_000 else len(x),
        output_distribution="normal",
        subsample=None,
    )
    expected = theirs.fit_transform(x[:, None])
    np.testing.assert_allclose(inputs(x, scaling="quantile"), expected, rtol=1e-9, atol=1e-9)


def test_missing_cells_are_no_part_of_quantiles_and_stand_at_the_median() -> None:
    x = SHAPES["normal"].copy()
    x[::3] = np.nan
    present = x[~np.isnan(x)]
    robust, ranked = inputs(x, scaling="robust"), inputs(x, scaling="quantile")
    expected = RobustScaler().fit_transform(present[:, None])[:, 0]
    np.testing.assert_allclose(robust[~np.isnan(x), 0], expected, rtol=1e-12, atol=1e-14)
    assert np.all(robust[np.isnan(x), 0] == 0.0)
    assert np.abs(ranked[np.isnan(x), 0]).max() < 1e-3
    assert robust[:, 1].tolist() == np.isnan(x).astype(float).tolist()
    assert inputs(x, missing_indicator=False).shape[1] == 1


def test_a_smooth_clip_leaves_the_middle_and_bends_the_far() -> None:
    z = np.array([-1e308, -3.0, 0.0, 0.01, 3.0, 1e200])
    clipped = smooth_clip(z)
    assert clipped[[0, 2, 5]].tolist() == [-3.0, 0.0, 3.0]
    np.testing.assert_allclose(clipped[[1, 4]], [-3 / np.sqrt(2), 3 / np.sqrt(2)], rtol=1e-15)
    x = SHAPES["skewed"]
    scaled = RobustScaler().fit_transform(x[:, None])
    expected = scaled / np.sqrt(1 + (scaled / 3) ** 2)
    np.testing.assert_allclose(inputs(x, scaling="robust", clip=True), expected, rtol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
def test_bins_are_filled_one_after_the_other(shape: str) -> None:
    x = SHAPES[shape]
    edges = np.array(bin_edges(x, 16))
    found = inputs(x, encoding="piecewise_linear", bins=16)
    assert np.all(np.diff(edges) > 0)
    assert 2 < len(edges) <= 17
    expected = [[np.interp(v, edges, np.arange(len(edges))) for v in x.tolist()]]
    np.testing.assert_allclose(found[:, 1:].sum(axis=1), expected[0], rtol=1e-9, atol=1e-9)
    # A bin is begun when the one before it is full.
    assert np.all((found[:, 2:] == 0) | (found[:, 1:-1] == 1))


def test_bins_have_as_many_rows_or_as_many_values_where_rows_are_alike() -> None:
    x = SHAPES["normal"]
    counts = np.histogram(x, np.array(bin_edges(x, 16)))[0]
    assert counts.min() > 0.9 * len(x) / 16
    tied = np.array(bin_edges(SHAPES["tied"], 16))
    assert len(tied) == 17
    assert bin_edges(SHAPES["few"], 16) == (0.0, 1.0, 2.0, 3.0, 4.0)
    assert bin_edges(np.array([0.0, 1.0, 1.0]), 16) == ()


def test_a_boolean_is_standardised_whatever_the_scaling() -> None:
    table = stored(b=[True, False, True, True])
    asked = NumericSpec(scaling="quantile", clip=True, encoding="piecewise_linear")
    spec = PreprocessingSpec(numeric=asked)
    found, standard = (
        Preprocessing.fit(table, np.arange(4), ["b"], each).transform_table(table, DOUBLE)
        for each in (spec, "standard")
    )
    assert found.tobytes() == standard.tobytes()


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
@pytest.mark.parametrize("size", [1e-322, 1e-300, 1e300, 1.7e308])
def test_numbers_of_any_size_become_finite_inputs(scaling: str, size: float) -> None:
    x = np.array([-1.0, -0.5, 0.0, 0.25, 1.0, np.nan]) * size
    found = inputs(x, scaling=scaling, clip=True, encoding="piecewise_linear", bins=3)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_columns_without_two_values_are_zero(scaling: str) -> None:
    asked = {"scaling": scaling, "clip": True, "encoding": "piecewise_linear"}
    assert inputs(np.array([7.0, 7.0, 7.0]), **asked).tolist() == [[0.0]] * 3
    assert inputs(np.array([np.nan, np.nan]), **asked).tolist() == [[0.0]] * 2
