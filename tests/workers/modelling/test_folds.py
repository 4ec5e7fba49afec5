"""Folds of a plan on a table: which rows, and what a training without them is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.workers.modelling.tables import (
    Ingested,
    codes_of,
    csv_of,
    ingested,
    problems_of,
    trained_plan,
)
from workers.engine.training import TrainingState, train
from workers.modelling.estimator import prepare
from workers.modelling.evaluation import report
from workers.modelling.folds import Folds, failed, summary
from workers.modelling.plan import ModelPlan, ModelWish, PlanLimits
from workers.modelling.recipes import resolve
from workers.modelling.scratch import Scratch

TRAINING = {"epochs": 4, "batch_size": 8, "early_stopping": None}


def table(n: int = 60) -> Ingested:
    rows = ((i * 0.7, f"p{i // 5}", (i % 3 and "often") or "rare", i * i * 0.1) for i in range(n))
    return ingested(csv_of("x,who,kind,y", rows))


def wish(*, of: str = "y", **split: object) -> ModelWish:
    return ModelWish(
        target=of, features=("x",), network="linear", training=TRAINING, split=split, seed=3
    )


def opened(data: Ingested, wished: ModelWish) -> tuple[ModelPlan, Folds]:
    plan = resolve(wished, data.profile)
    return plan, Folds(data.table, plan, Scratch())


@pytest.mark.parametrize("k", [2, 3, 7])
def test_every_row_that_does_not_test_is_held_out_once(k: int) -> None:
    data = table()
    plan, folds = opened(data, wish(folds=k, test=0.1, validation=0.2))
    tested = set(prepare(data.table, plan).split.test.tolist())
    held_out = []
    for fold in range(1, k + 1):
        parts = folds.parts(fold)
        rows = [part.tolist() for part in (parts.train, parts.validation, parts.test)]
        assert sorted(rows[0] + rows[1] + rows[2]) == sorted(set(range(60)) - tested)
        assert len(rows[1]) == round(len(rows[0] + rows[1]) * 12 / 54)
        held_out += rows[2]
    assert sorted(held_out) == sorted(set(range(60)) - tested)


def test_classes_are_held_out_in_their_proportion() -> None:
    data = table()
    _, folds = opened(data, wish(of="kind", folds=4, method="stratified"))
    kinds = np.array(data.table["kind"].to_pylist())
    for fold in range(1, 5):
        assert (kinds[folds.parts(fold).test] == "rare").sum() == 5


def test_no_fold_divides_a_group() -> None:
    data = table()
    _, folds = opened(data, wish(folds=3, method="group", column="who"))
    names = np.array(data.table["who"].to_pylist())
    for fold in range(1, 4):
        parts = folds.parts(fold)
        there = [set(names[rows]) for rows in (parts.train, parts.validation, parts.test)]
        assert sum(map(len, there)) == len(set.union(*there)) == 12
        assert len(there[2]) == 4


def test_a_fold_is_what_a_run_with_these_rows_finds() -> None:
    data = table()
    plan, folds = opened(data, wish(folds=3))
    training = folds.training(2)
    state = TrainingState.initial(training.prepared.network, plan.training, plan.seed)
    for _ in train(
        training.prepared.network, state, training.prepared.data, plan.training, plan.seed
    ):
        pass
    found = training.figures(state.final_parameters(plan.training), epochs=4, best_epoch=4)

    words = np.full(60, "train", dtype="<U10")
    parts = folds.parts(2)
    words[parts.validation], words[parts.test] = "validation", "test"
    cells = zip(data.table["x"].to_pylist(), words, data.table["y"].to_pylist(), strict=True)
    written = ingested(csv_of("x,part,y", cells))
    alone = trained_plan(
        written.table, resolve(wish(method="column", column="part"), written.profile)
    )
    test = report(alone.model, alone.prepared)["test"]
    assert found["figures"] == {name: test[name] for name in ("r2", "rmse", "mae")}
    assert found["rows"] == {"train": 32, "validation": 8, "held_out": 20}


def test_the_mean_and_the_deviation_are_of_the_folds_that_have_a_figure() -> None:
    folds = [
        {"fold": 1, "figures": {"auc": 0.5, "r2": None}},
        failed(2, "Training diverged in epoch 3."),
        {"fold": 3, "figures": {"auc": 0.9, "r2": 0.25}},
    ]
    found = summary(folds)
    assert found["mean"] == {"auc": pytest.approx(0.7), "r2": 0.25}
    assert found["std"] == {"auc": pytest.approx(0.2 * 2**0.5), "r2": None}
    assert found["folds"] == folds


@pytest.mark.parametrize(
    ("split", "limit"),
    [
        ({"folds": 5, "method": "ordered"}, None),
        ({"folds": 13, "method": "group", "column": "who"}, 12),
        ({"folds": 12, "method": "group", "column": "who", "test": 0.1}, 11),
        ({"folds": 5, "test": 0.95}, 3),
    ],
)
def test_folds_that_cannot_be_made_are_refused(split: dict[str, object], limit: int | None) -> None:
    wished = replace(wish(), split={"validation": 0.02, **split})
    [found] = [p for p in problems_of(table(), wished) if p.pointer == "/split/folds"]
    assert (found.code, found.limit) == ("spec_dataset_mismatch", limit)


def test_steps_and_memory_of_the_folds_count() -> None:
    limits = PlanLimits(steps=4 * 6)
    assert codes_of(table(), wish(), limits) == set()
    assert codes_of(table(), wish(folds=2), limits) == {"/training/epochs too_many_steps"}
