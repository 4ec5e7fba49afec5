"""The recipe realmlp: what it makes of a task, why, and what the user decides instead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.workers.modelling.tables import PENGUINS, csv_of, ingested, trained
from tests.workers.modelling.test_auto_recipe import profile_of
from workers.engine.spec import (
    AdamSpec,
    AdamWSpec,
    ConstantSchedule,
    Coslog4Schedule,
    DenseSpec,
    DropoutSpec,
    LbfgsSpec,
    ScaleSpec,
)
from workers.modelling.codec import model_from_bytes, model_to_bytes
from workers.modelling.evaluation import report
from workers.modelling.plan import ModelPlan, ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.spec import PreprocessingSpec

DATA = ingested(PENGUINS)


def realmlp(target: str = "y", rows: int = 4_000, levels: int = 4, **wish: Any) -> ModelPlan:
    wished = ModelWish(target=target, network="realmlp", **wish)
    return resolve(wished, profile_of(rows, 3, levels))


@pytest.mark.parametrize(
    ("target", "activation", "rate"), [("y", "mish", 0.07), ("word", "selu", 0.04)]
)
def test_activation_and_rate_are_those_of_the_task(
    target: str, activation: str, rate: float
) -> None:
    plan = realmlp(target)
    dense = [layer for layer in plan.network.layers if isinstance(layer, DenseSpec)]
    assert [(d.units, d.activation, d.initializer) for d in dense] == [
        (128, activation, "lecun_normal")
    ] * 3
    optimizer = plan.training.optimizer
    assert isinstance(optimizer, AdamWSpec)
    assert optimizer.beta2 == 0.95
    # Weights of deviation 1 / sqrt(128) are learned as the paper's of deviation 1 are.
    assert optimizer.learning_rate == pytest.approx(rate / math.sqrt(128), rel=1e-3)
    scale = plan.network.layers[0]
    assert isinstance(scale, ScaleSpec)
    assert scale.factor * optimizer.learning_rate == pytest.approx(6 * rate, rel=1e-3)


@pytest.mark.parametrize(
    ("rows", "dropout", "decay", "share"), [(3_999, 0.4, 0.1, 0.25), (4_000, 0.15, 0.02, 1.0)]
)
def test_few_rows_are_learned_more_slowly_and_held_back_more(
    rows: int, dropout: float, decay: float, share: float
) -> None:
    plan = realmlp(rows=rows)
    rates = [layer.rate for layer in plan.network.layers if isinstance(layer, DropoutSpec)]
    assert rates == [dropout] * 3
    optimizer = plan.training.optimizer
    assert isinstance(optimizer, AdamWSpec)
    assert optimizer.weight_decay == decay
    assert optimizer.learning_rate == pytest.approx(share * 0.07 / math.sqrt(128), rel=1e-3)
    assert f"Dropout {dropout:g}." in plan.reasons


def test_numbers_are_scaled_robustly_and_clipped_without_bins() -> None:
    plan = realmlp()
    assert isinstance(plan.preprocessing, PreprocessingSpec)
    numeric = plan.preprocessing.numeric
    assert (numeric.scaling, numeric.clip, numeric.encoding) == ("robust", True, "none")
    assert not any("bins" in reason for reason in plan.reasons)


def test_the_output_starts_at_nothing_and_all_waves_are_trained_through() -> None:
    plan = realmlp()
    assert plan.recipe == "realmlp"
    assert plan.network.output is not None
    assert plan.network.output.initializer == "zeros"
    assert plan.training.schedule == Coslog4Schedule()
    assert plan.training.early_stopping is not None
    assert plan.training.early_stopping.patience == plan.training.epochs


def test_labels_are_not_smoothed() -> None:
    loss = realmlp("word").training.loss
    assert getattr(loss, "label_smoothing", None) == 0.0


def test_any_field_that_the_user_sets_wins() -> None:
    wished = {
        "optimizer": AdamSpec(),
        "schedule": ConstantSchedule(),
        "early_stopping": None,
        "epochs": 7,
        "batch_size": 9,
    }
    plan = realmlp(training=wished, preprocessing="standard")
    assert plan.preprocessing == "standard"
    assert {name: getattr(plan.training, name) for name in wished} == wished
    said = " ".join(plan.reasons)
    for silent in ("val_loss", "waves", "median"):
        assert silent not in said


def test_reasons_say_what_was_decided() -> None:
    said = " ".join(realmlp().reasons)
    for word in ("Mish", "scaling layer", "Dropout", "waves", "val_loss", "median"):
        assert word in said


def test_lbfgs_gets_a_network_and_a_rate_that_it_can_train() -> None:
    plan = realmlp(training={"optimizer": LbfgsSpec()})
    assert not any(isinstance(layer, DropoutSpec) for layer in plan.network.layers)
    assert plan.training.schedule == ConstantSchedule()
    assert not any("Dropout" in reason or "waves" in reason for reason in plan.reasons)


def test_many_levels_become_vectors() -> None:
    [vectors] = realmlp(levels=101).network.embeddings
    assert vectors.column == "word"


def test_without_rows_that_judge_no_epoch_is_chosen() -> None:
    plan = realmlp(split={"validation": 0.0})
    assert plan.training.early_stopping is None
    assert not any("val_loss" in reason for reason in plan.reasons)


@pytest.mark.parametrize("rows", [2, 5, 12])
def test_the_smallest_tables_can_be_trained(rows: int) -> None:
    data = ingested(csv_of("x,y", ((i + 0.5, i * i) for i in range(rows + 1))))
    run = trained(data, ModelWish(target="y", network="realmlp", training={"epochs": 3}))
    assert np.isfinite(run.model.parameters).all()


def test_rows_that_it_has_not_seen_are_told_apart_and_the_model_can_be_kept() -> None:
    wish = ModelWish(
        target="species", network="realmlp", training={"epochs": 40}, split={"test": 0.2}
    )
    run = trained(DATA, wish)
    assert report(run.model, run.prepared)["test"]["accuracy"] > 0.9
    again = model_from_bytes(model_to_bytes(run.model))
    assert again.parameters.tobytes() == run.model.parameters.tobytes()
