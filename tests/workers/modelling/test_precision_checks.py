from __future__ import annotations

from typing import Any

import pytest

from tests.workers.modelling.tables import csv_of, ingested, problems_of
from workers.engine.spec import PoissonSpec
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve

FLOAT32 = 3.4028234663852886e38
TABLE = ingested(
    csv_of(
        "x,far,low,edge,y",
        ((i % 7 + 0.5, 1e39 * i, -1e39 * i, FLOAT32 * i / 39, i * 0.5) for i in range(40)),
    )
)


def wish(feature: str, target: str = "y", **fields: Any) -> ModelWish:
    return ModelWish(target=target, features=(feature,), **fields)


@pytest.mark.parametrize(("feature", "farthest"), [("far", "3.9e+40"), ("low", "-3.9e+40")])
def test_numbers_beyond_the_precision_are_refused_before_training(
    feature: str, farthest: str
) -> None:
    (problem,) = problems_of(TABLE, wish(feature, preprocessing="none"))
    assert (problem.pointer, problem.code) == ("/training/precision", "too_large_number")
    assert problem.limit == FLOAT32
    assert feature in problem.detail
    assert farthest in problem.detail


@pytest.mark.parametrize(
    "target_fields",
    [{"preprocessing": "none"}, {"training": {"loss": PoissonSpec()}}],
)
def test_so_are_targets_that_are_learned_as_they_are(target_fields: dict[str, Any]) -> None:
    (problem,) = problems_of(TABLE, wish("x", "far", **target_fields))
    assert problem.code == "too_large_number"
    assert "far" in problem.detail


@pytest.mark.parametrize(
    "fitting",
    [
        wish("far", preprocessing="none", training={"precision": "float64"}),
        wish("far", preprocessing="standard"),
        wish("x", "far"),
        wish("edge", preprocessing="none"),
    ],
)
def test_numbers_that_fit_are_taken(fitting: ModelWish) -> None:
    assert resolve(fitting, TABLE.profile).features == fitting.features
