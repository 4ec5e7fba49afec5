"""The recipe auto: what it decides from a table, why, and what the user decides instead."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, csv_of, ingested, trained
from workers.engine.spec import (
    AdamSpec,
    AdamWSpec,
    ConstantSchedule,
    DropoutSpec,
    EmbeddingSpec,
    LbfgsSpec,
    OneCycleSchedule,
)
from workers.modelling.plan import ModelPlan, ModelWish
from workers.modelling.recipes import resolve
from workers.modelling.targets import NumberTarget, target_from_plain, target_to_plain
from workers.tabular.profile import ColumnProfile, TableProfile
from workers.tabular.spec import NumericSpec, PreprocessingSpec

DATA = ingested(PENGUINS)


def profile_of(rows: int, numbers: int = 3, levels: int = 4, distinct: int = 90) -> TableProfile:
    """A table of that many rows: y, numbers of so many values, and one category."""
    plain = {"missing": 0, "top": (), "integer": False, "reason": ""}
    of_numbers = {"type": "numeric", "distinct": distinct, "mean": 0.0, "std": 1.0} | plain
    names = ["y", *(f"x{place}" for place in range(numbers))]
    spread = {"min": -3.0, "max": 3.0}
    columns = [ColumnProfile(name=name, **of_numbers, **spread) for name in names]  # type: ignore[arg-type]
    of_words = plain | dict.fromkeys(("min", "max", "mean", "std"))
    word = ColumnProfile(name="word", type="categorical", distinct=levels, **of_words)  # type: ignore[arg-type]
    return TableProfile(rows, (*columns, word), ())


def auto(rows: int, numbers: int = 3, levels: int = 4, **wish: Any) -> ModelPlan:
    return resolve(ModelWish(target="y", **wish), profile_of(rows, numbers, levels))


def numeric_of(plan: ModelPlan) -> NumericSpec:
    assert isinstance(plan.preprocessing, PreprocessingSpec)
    return plan.preprocessing.numeric


def dropout_of(plan: ModelPlan) -> list[float]:
    return [layer.rate for layer in plan.network.layers if isinstance(layer, DropoutSpec)]


@pytest.mark.parametrize(
    ("rows", "numbers", "bins"),
    # Three for each number at least: of all no more than there are rows that train, nor than 1,600.
    [
        (49, 3, False),
        (50, 3, True),
        (125, 33, True),
        (125, 34, False),
        (40_000, 533, True),
        (40_000, 534, False),
    ],
)
def test_bins_need_rows_and_not_too_many_columns(rows: int, numbers: int, bins: bool) -> None:
    plan = auto(rows, numbers)
    assert (numeric_of(plan).encoding == "piecewise_linear") == bins
    assert any(reason.startswith("No quantile bins") for reason in plan.reasons) != bins


@pytest.mark.parametrize(
    ("rows", "bins"),
    [(100, 3), (375, 10), (500, 13), (1_750, 14), (2_500, 20), (4_000, 32), (10_000, 48)],
)
def test_fewer_rows_have_fewer_bins(rows: int, bins: int) -> None:
    plan = auto(rows)
    assert numeric_of(plan).bins == bins
    assert any(reason.startswith(f"{3 * bins} inputs") for reason in plan.reasons)


@pytest.mark.parametrize(
    ("numbers", "bins"), [(1, 48), (2, 32), (3, 16), (4, 16), (20, 8), (40, 4), (100, 3)]
)
def test_fewer_numbers_have_more_bins_each(numbers: int, bins: int) -> None:
    assert numeric_of(auto(2_000, numbers)).bins == bins


@pytest.mark.parametrize(
    ("rows", "target", "bins"),
    [
        (500, "word", 4),
        (500, "pair", 8),
        (2_000, "y", 16),
        (2_000, "pair", 16),
        (2_000, "word", 9),
        (4_000, "word", 18),
        (20_000, "word", 48),
    ],
)
def test_rows_of_several_classes_have_fewer(rows: int, target: str, bins: int) -> None:
    pair = replace(profile_of(rows).columns[-1], name="pair", distinct=2)
    profile = replace(profile_of(rows), columns=(*profile_of(rows).columns, pair))
    plan = resolve(ModelWish(target=target), profile)
    assert numeric_of(plan).bins == bins


@pytest.mark.parametrize(
    ("rows", "numbers", "bins"),
    [(500, 3, 13), (2_500, 3, 14), (2_500, 5, 8), (10_000, 5, 20), (100_000, 5, 48)],
)
def test_numbers_that_hardly_repeat_have_fewer(rows: int, numbers: int, bins: int) -> None:
    plan = resolve(ModelWish(target="y"), profile_of(rows, numbers, distinct=rows * 9 // 10))
    assert numeric_of(plan).bins == bins


def test_many_numbers_of_many_classes_have_fewest() -> None:
    profile = profile_of(20_000, numbers=20, levels=26)
    assert numeric_of(resolve(ModelWish(target="word"), profile)).bins == 4


@pytest.mark.parametrize(
    ("rows", "dropout", "decay"), [(3_999, 0.25, 0.1), (4_000, 0.25, 0.3), (20_000, 0.25, 0.24)]
)
def test_two_classes_are_held_back_more(rows: int, dropout: float, decay: float) -> None:
    plan = resolve(ModelWish(target="word"), profile_of(rows, levels=2))
    assert dropout_of(plan) == [dropout, dropout]
    assert isinstance(plan.training.optimizer, AdamWSpec)
    assert plan.training.optimizer.weight_decay == decay
    assert any("one of two classes" in reason for reason in plan.reasons) == (rows >= 4_000)


@pytest.mark.parametrize(
    ("rows", "dropout", "decay"),
    [
        (3_999, 0.25, 0.1),
        (4_000, 0.1, 0.2),
        (20_000, 0.1, 0.16),
        (1_000_000, 0.1, 0.01),
    ],
)
def test_few_rows_are_held_back_more(rows: int, dropout: float, decay: float) -> None:
    plan = auto(rows)
    assert dropout_of(plan) == [dropout, dropout]
    optimizer = AdamWSpec(learning_rate=3e-3, beta2=0.95, weight_decay=decay)
    assert plan.training.optimizer == optimizer
    assert any(f"Dropout {dropout:g}" in reason for reason in plan.reasons)


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs"),
    [
        (12, 10, 256),
        (100, 32, 256),
        (400, 64, 200),
        (500, 128, 250),
        (2_000, 256, 143),
        (20_000, 256, 64),
    ],
)
def test_epochs_make_up_for_few_steps(rows: int, batch_size: int, epochs: int) -> None:
    training = auto(rows).training
    assert (training.batch_size, training.epochs) == (batch_size, epochs)
    assert training.schedule == OneCycleSchedule()


def test_the_whole_cycle_is_trained_through_and_the_best_epoch_kept() -> None:
    training = auto(2_000, training={"epochs": 30}).training
    assert training.early_stopping is not None
    assert (training.early_stopping.patience, training.early_stopping.restore_best) == (30, True)
    run = trained(DATA, ModelWish(target="species", training={"epochs": 12}))
    assert (run.state.epoch, run.state.stop_reason) == (12, "max_epochs")


@pytest.mark.parametrize(
    ("rows", "numbers", "members"), [(40, 3, 4), (5_000, 3, 4), (4_999, 1_500, 1), (50_000, 3, 1)]
)
def test_several_seeds_answer_where_that_takes_seconds(
    rows: int, numbers: int, members: int
) -> None:
    plan = auto(rows, numbers)
    assert plan.training.members == members
    said = "4 networks of as many seeds" if members == 4 else "One network answers, not 4"
    assert any(reason.startswith(said) for reason in plan.reasons)


def test_longer_trainings_have_fewer_seeds() -> None:
    plan = auto(5_000, training={"epochs": 150})
    assert plan.training.members == 2
    assert any(reason.startswith("2 networks answer together, not 4") for reason in plan.reasons)
    wished = auto(5_000, training={"members": 3})
    assert wished.training.members == 3
    assert not any("answer together" in reason for reason in wished.reasons)


def test_many_levels_become_vectors() -> None:
    assert auto(2_000, levels=100).network.embeddings == ()
    many = auto(2_000, levels=101)
    assert many.network.embeddings == (EmbeddingSpec(column="word", dimension=10),)
    assert any("word has more than 100 levels" in reason for reason in many.reasons)


def test_any_field_that_the_user_sets_wins() -> None:
    wished = {"optimizer": AdamSpec(), "schedule": None, "early_stopping": None, "epochs": 7}
    plan = auto(500, training=wished, preprocessing="standard", split={"validation": 0.5})
    assert plan.preprocessing == "standard"
    assert plan.training.optimizer == AdamSpec()
    assert plan.training.schedule == ConstantSchedule()
    assert (plan.training.early_stopping, plan.training.epochs) == (None, 7)
    said = " ".join(plan.reasons)
    for silent in ("bins", "epochs", "median", "val_loss", "weight decay"):
        assert silent not in said


def test_lbfgs_gets_a_network_and_a_rate_that_it_can_train() -> None:
    plan = auto(500, training={"optimizer": LbfgsSpec()})
    assert dropout_of(plan) == []
    assert plan.training.schedule == ConstantSchedule()
    assert plan.training.batch_size == 400
    assert plan.training.members == 1


def test_raw_columns_stay_raw() -> None:
    rows = ((x, x * 2.0) for x in range(50))
    data = ingested(csv_of("x,y", rows))
    plan = resolve(ModelWish(target="y", preprocessing="none"), data.profile)
    assert (plan.preprocessing, plan.network.embeddings) == ("none", ())


def test_only_auto_gives_reasons() -> None:
    assert auto(500).reasons
    assert auto(500, network="mlp").reasons == auto(500, network="linear").reasons == ()


@pytest.mark.parametrize("rows", [1, 2, 5, 12])
def test_the_smallest_tables_can_be_trained(rows: int) -> None:
    data = ingested(csv_of("x,y", ((i + 0.5, i * i) for i in range(rows + 1))))
    run = trained(data, ModelWish(target="y", training={"epochs": 3}))
    assert np.isfinite(run.model.parameters).all()


def test_predicted_numbers_stay_within_those_that_trained() -> None:
    data = ingested(csv_of("x,y", ((i / 10, i / 5 + 1.0) for i in range(200))))
    far = [{"x": -1e6}, {"x": 1e6}]
    run = trained(data, ModelWish(target="y", training={"epochs": 20}))
    truth = run.prepared.training_truth
    values = run.model.predict_rows(far).values
    assert values is not None
    assert (values >= truth.min()).all()
    assert (values <= truth.max()).all()
    line = trained(data, ModelWish(target="y", network="linear", training={"epochs": 20}))
    beyond = line.model.predict_rows(far).values
    assert beyond is not None
    assert beyond.max() > truth.max()


def test_a_plan_can_be_written_down() -> None:
    assert asdict(auto(500))["reasons"] == auto(500).reasons


def test_a_model_keeps_the_range_of_its_answers() -> None:
    target = NumberTarget.fit(np.array([[1.0], [4.0]]), standardise=True, clamp=True)
    again = target_from_plain(json.loads(json.dumps(target_to_plain(target))))
    assert again == target
    outputs = np.array([[-9.0], [0.0], [9.0]], np.float32)
    assert target.decode(outputs).tolist() == [[1.0], [2.5], [4.0]]


def test_an_answer_that_is_not_finite_is_not_taken_for_the_end_of_the_range() -> None:
    target = NumberTarget.fit(np.array([[1.0], [4.0]]), standardise=True, clamp=True)
    outputs = np.array([[np.inf], [-np.inf], [np.nan]])
    assert not np.isfinite(target.decode(outputs)).any()
