from __future__ import annotations

import numpy as np

from tests.workers.modelling.tables import codes_of, csv_of, ingested
from workers.modelling.estimator import prepare
from workers.modelling.feature_choice import input_width
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve

RNG = np.random.default_rng(0)
N = 120
HEADER = "id,y,x,colour,flag,day,same,name,nothing"
DATA = ingested(
    csv_of(
        HEADER,
        (
            (
                i,
                f"{RNG.normal():.4f}",
                None if i % 9 == 0 else f"{RNG.normal():.4f}",
                None if i % 10 == 0 else ("red", "green", "blue")[i % 3],
                ("true", "false")[i % 2],
                f"2024-01-{i % 28 + 1:02}",
                "same",
                f"Person number {i} of them",
                None,
            )
            for i in range(N)
        ),
    )
)


def test_auto_reads_every_column_that_tells_something() -> None:
    plan = resolve(ModelWish(target="y"), DATA.profile)
    assert plan.features == ("x", "colour", "flag", "day")
    dropped = [w.column for w in plan.warnings if w.code == "feature_dropped"]
    assert dropped == ["id", "same", "name", "nothing"]


def test_a_column_that_counts_the_rows_is_read_where_nothing_else_is_there() -> None:
    data = ingested(csv_of("x,y", ((i, 2 * i + 0.5) for i in range(N))))
    plan = resolve(ModelWish(target="y"), data.profile)
    assert plan.features == ("x",)
    assert plan.warnings == ()


def test_named_features_are_read_in_their_order() -> None:
    plan = resolve(ModelWish(target="y", features=("flag", "id", "same")), DATA.profile)
    assert plan.features == ("flag", "id", "same")


def test_every_feature_that_cannot_be_read_is_named() -> None:
    features = ("x", "y", "x", "name", "Colour", "nothing")
    assert codes_of(DATA, ModelWish(target="y", features=features)) >= {
        "/features/1 feature_is_target",
        "/features/2 duplicate_feature",
        "/features/3 feature_type",
        "/features/4 unknown_column",
    }


def test_a_model_needs_a_feature() -> None:
    assert codes_of(DATA, ModelWish(target="y", features=())) == {"/features no_features"}
    alone = ingested(csv_of("y,same", ((f"{i * 0.7:.1f}", "a") for i in range(20))))
    assert codes_of(alone, ModelWish(target="y")) == {"/features no_features"}


def test_without_preprocessing_only_numbers_are_read() -> None:
    named = ModelWish(target="y", features=("x", "colour", "flag"), preprocessing="none")
    assert codes_of(DATA, named) == {"/features/1 feature_type"}
    everything = ModelWish(target="y", preprocessing="none")
    assert codes_of(DATA, everything) == {"/features feature_type"}
    numbers = ModelWish(target="y", features=("x", "flag"), preprocessing="none")
    assert [w.code for w in resolve(numbers, DATA.profile).warnings] == ["missing_values"]


def test_the_width_is_that_of_the_fitted_inputs_when_all_rows_train() -> None:
    wish = ModelWish(target="y", preprocessing="standard", split={"validation": 0.0})
    plan = resolve(wish, DATA.profile)
    columns = tuple(c for c in DATA.profile.columns if c.name in plan.features)
    assert prepare(DATA.table, plan).network.n_inputs == input_width(columns) == 2 + 4 + 1 + 1
