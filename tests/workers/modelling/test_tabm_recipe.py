"""The recipe tabm: how large it makes the network, why, and what the user decides instead."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, csv_of, ingested, trained
from tests.workers.modelling.test_auto_recipe import profile_of
from workers.engine.spec import AdamSpec, AdamWSpec, DenseSpec, DropoutSpec, LbfgsSpec
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelPlan, ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.spec import PreprocessingSpec

DATA = ingested(PENGUINS)


def tabm(rows: int, numbers: int = 3, levels: int = 4, **wish: Any) -> ModelPlan:
    return resolve(ModelWish(target="y", network="tabm", **wish), profile_of(rows, numbers, levels))


def test_it_is_three_layers_of_relu_with_dropout_and_many_members() -> None:
    plan = tabm(2_000)
    dense = [layer for layer in plan.network.layers if isinstance(layer, DenseSpec)]
    assert [(layer.units, layer.activation) for layer in dense] == [(32, "relu")] * 3
    assert sum(isinstance(layer, DropoutSpec) for layer in plan.network.layers) == 3
    assert (plan.recipe, plan.network.members) == ("tabm", 32)
    assert isinstance(plan.training.optimizer, AdamWSpec)
    assert isinstance(plan.preprocessing, PreprocessingSpec)
    assert plan.preprocessing.numeric.encoding == "piecewise_linear"


@pytest.mark.parametrize(("rows", "units"), [(4_000, 32), (5_000, 64)])
def test_more_rows_train_wider_layers(rows: int, units: int) -> None:
    layer = tabm(rows).network.layers[0]
    assert isinstance(layer, DenseSpec)
    assert layer.units == units


def test_members_become_fewer_the_more_there_is_to_train() -> None:
    plans = [tabm(rows, numbers=8) for rows in (1_000, 10_000, 30_000, 100_000, 1_000_000)]
    members = [plan.network.members for plan in plans]
    assert members == sorted(members, reverse=True)
    assert (members[0], members[-1]) == (32, 4)
    assert (plans[0].training.epochs, plans[-1].training.epochs) == (256, 24)
    assert any("an epoch would take too long" in reason for reason in plans[-1].reasons)
    assert any("as many as in the paper" in reason for reason in plans[0].reasons)


def test_training_stops_early_where_rows_can_judge() -> None:
    stopping = tabm(500).training.early_stopping
    assert stopping is not None
    assert (stopping.monitor, stopping.restore_best) == ("val_loss", True)
    blind = tabm(500, split={"validation": 0.0})
    assert blind.training.early_stopping is None
    assert not any("val_loss" in reason for reason in blind.reasons)


def test_any_field_that_the_user_sets_wins() -> None:
    wished = {"optimizer": AdamSpec(), "early_stopping": None, "epochs": 7, "batch_size": 9}
    plan = tabm(500, training=wished, preprocessing="standard")
    assert plan.preprocessing == "standard"
    assert {name: getattr(plan.training, name) for name in wished} == wished
    assert not any("val_loss" in reason or "bins" in reason for reason in plan.reasons)


def test_lbfgs_gets_a_network_without_dropout() -> None:
    plan = tabm(500, training={"optimizer": LbfgsSpec()})
    assert not any(isinstance(layer, DropoutSpec) for layer in plan.network.layers)
    assert not any("dropout" in reason for reason in plan.reasons)


def test_many_levels_become_vectors() -> None:
    [vectors] = tabm(2_000, levels=101).network.embeddings
    assert vectors.column == "word"


@pytest.mark.parametrize("rows", [2, 5, 12])
def test_the_smallest_tables_can_be_trained(rows: int) -> None:
    data = ingested(csv_of("x,y", ((i + 0.5, i * i) for i in range(rows + 1))))
    run = trained(data, ModelWish(target="y", network="tabm", training={"epochs": 3}))
    assert np.isfinite(run.model.parameters).all()


def test_it_learns_what_no_line_can() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1.0, 1.0, (400, 2)).round(4)
    data = ingested(csv_of("a,b,y", ((a, b, round(a * b, 5)) for a, b in x)))
    run = trained(data, ModelWish(target="y", network="tabm"))
    points = rng.uniform(-0.9, 0.9, (100, 2)).tolist()
    values = run.model.predict_rows([{"a": a, "b": b} for a, b in points]).values
    assert values is not None
    assert np.corrcoef(values.ravel(), [a * b for a, b in points])[0, 1] > 0.9
    assert (np.abs(values) <= 1.0).all()  # within the numbers that trained


def test_rows_that_it_has_not_seen_are_told_apart() -> None:
    run = trained(DATA, ModelWish(target="species", network="tabm", split={"test": 0.2}))
    figures = report(run.model, run.prepared)
    assert figures["test"]["accuracy"] > 0.9
