"""What of a training does not go together, and what is filled in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tests.workers.modelling.tables import (
    PENGUINS,
    codes_of,
    csv_of,
    ingested,
    problems_of,
    trained,
)
from workers.engine.spec import (
    BatchNormSpec,
    ConstantSchedule,
    CosineSchedule,
    DenseSpec,
    DropoutSpec,
    EarlyStoppingSpec,
    Layer,
    LbfgsSpec,
    Monitor,
    MultistepSchedule,
    NetworkSpec,
    OneCycleSchedule,
    ResidualSpec,
    SgdSpec,
)
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve
from workers.tabular.errors import TableError

DATA = ingested(PENGUINS)
N_TRAIN = 275
STOPPING = "/training/early_stopping/monitor"
NARROW, WIDE = DenseSpec(units=4), DenseSpec(units=8)


def custom(*layers: Layer, target: str = "species", **training: Any) -> ModelWish:
    return ModelWish(target=target, network=NetworkSpec(layers=layers), training=training)


def test_every_default_of_a_training_is_filled_in() -> None:
    training = resolve(
        custom(NARROW, early_stopping=EarlyStoppingSpec(monitor="val_accuracy")), DATA.profile
    ).training
    assert training.schedule == ConstantSchedule()
    assert training.early_stopping is not None
    assert training.early_stopping.mode == "max"


def test_lbfgs_takes_all_rows_as_one_batch() -> None:
    plan = resolve(custom(NARROW, optimizer=LbfgsSpec()), DATA.profile)
    assert plan.training.batch_size == N_TRAIN
    larger = custom(NARROW, optimizer=LbfgsSpec(), batch_size=1000)
    assert codes_of(DATA, larger) == set()


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (
            custom(NARROW, optimizer=LbfgsSpec(), batch_size=32),
            {"/training/batch_size full_batch_needed"},
        ),
        (
            custom(NARROW, optimizer=LbfgsSpec(), accumulate=2),
            {"/training/accumulate not_with_lbfgs"},
        ),
        (
            custom(NARROW, DropoutSpec(rate=0.1), optimizer=LbfgsSpec()),
            {"/network/layers/1 not_with_lbfgs"},
        ),
        (custom(NARROW, DropoutSpec(rate=0.0), optimizer=LbfgsSpec()), set()),
        (
            custom(DenseSpec(units=4, max_norm=2.0), optimizer=LbfgsSpec()),
            {"/network/layers/0/max_norm not_with_lbfgs"},
        ),
        (
            custom(NARROW, optimizer=LbfgsSpec(), clip_norm=1.0, clip_value=0.5),
            {"/training/clip_norm not_with_lbfgs", "/training/clip_value not_with_lbfgs"},
        ),
        (custom(NARROW, BatchNormSpec(), batch_size=1), {"/network/layers/1 batch_too_small"}),
        (custom(NARROW, BatchNormSpec(), batch_size=2), set()),
        (custom(NARROW, batch_size=N_TRAIN + 1), {"/training/batch_size batch_gt_rows"}),
        (
            custom(NARROW, epochs=2, batch_size=N_TRAIN, schedule=CosineSchedule(warmup_steps=2)),
            {"/training/schedule/warmup_steps warmup_too_long"},
        ),
        (
            custom(NARROW, epochs=2, batch_size=N_TRAIN, schedule=CosineSchedule(warmup_steps=1)),
            set(),
        ),
        (
            custom(
                NARROW,
                epochs=4,
                batch_size=N_TRAIN // 2,
                accumulate=3,
                schedule=OneCycleSchedule(warmup_steps=4),
            ),
            {"/training/schedule/warmup_steps warmup_too_long"},
        ),
        (
            custom(NARROW, schedule=MultistepSchedule(milestones=(3, 9, 9, 5))),
            {
                "/training/schedule/milestones/2 not_ascending",
                "/training/schedule/milestones/3 not_ascending",
            },
        ),
        (custom(NARROW, WIDE, ResidualSpec(span=1)), {"/network/layers/2 residual_width"}),
        (custom(NARROW, NARROW, ResidualSpec(span=1)), set()),
        (custom(NARROW, ResidualSpec(span=2)), {"/network/layers/1/span span_too_long"}),
        (custom(NARROW, ResidualSpec(span=1)), {"/network/layers/1 residual_width"}),
        (custom(ResidualSpec(span=1)), {"/network/layers/0/span span_too_long"}),
    ],
)
def test_what_does_not_go_together_is_named_by_its_place(
    wish: ModelWish, expected: set[str]
) -> None:
    assert codes_of(DATA, wish) == expected


def test_a_limit_goes_with_the_problem() -> None:
    [problem] = problems_of(DATA, custom(NARROW, ResidualSpec(span=5)))
    assert problem.limit == 1
    [problem] = problems_of(DATA, custom(NARROW, optimizer=LbfgsSpec(), batch_size=32))
    assert problem.limit == N_TRAIN


def test_a_residual_may_come_from_the_inputs_where_the_widths_agree() -> None:
    wish = ModelWish(
        target="species",
        features=("flipper_length_mm", "year"),
        split={"validation": 0.0},
        network=NetworkSpec(layers=(DenseSpec(units=3), ResidualSpec(span=1))),
        training={"epochs": 2},
    )
    # The flipper's length, whether it is missing, the year.
    assert trained(DATA, wish).state.stop_reason == "max_epochs"


def test_widths_that_only_the_training_rows_show_fail_as_the_datas() -> None:
    rows = [("c" if i >= 40 else "ab"[i % 2], i * 0.5) for i in range(50)]
    data = ingested(csv_of("c,y", rows))
    wish = ModelWish(
        target="y",
        split={"method": "ordered"},
        network=NetworkSpec(layers=(DenseSpec(units=3), ResidualSpec(span=1))),
    )
    plan = resolve(wish, data.profile)
    with pytest.raises(TableError) as caught:
        prepare(data.table, plan)
    assert caught.value.code == "spec_dataset_mismatch"


@pytest.mark.parametrize(
    ("training", "code"),
    [
        ({"optimizer": SgdSpec(nesterov=True)}, "no_effect"),
        ({"schedule": MultistepSchedule(milestones=(5, 100)), "epochs": 100}, "schedule_unreached"),
        ({"ema_decay": 0.999, "epochs": 10}, "ema_too_slow"),
        ({"early_stopping": EarlyStoppingSpec(monitor="val_auc", mode="min")}, "monitor_direction"),
    ],
)
def test_what_is_legal_and_odd_is_warned_of(training: dict[str, Any], code: str) -> None:
    plan = resolve(custom(NARROW, **training), DATA.profile)
    assert [warning.code for warning in plan.warnings] == [code]


@pytest.mark.parametrize(
    ("target", "monitor"),
    [
        ("species", "val_rmse"),
        ("species", "val_r2"),
        ("body_mass_g", "val_accuracy"),
        ("body_mass_g", "val_auc"),
        ("body_mass_g", "val_log_loss"),
    ],
)
def test_a_monitor_of_another_task_is_refused(target: str, monitor: Monitor) -> None:
    stopping = EarlyStoppingSpec(monitor=monitor)
    wish = custom(NARROW, target=target, early_stopping=stopping)
    assert codes_of(DATA, wish) == {f"{STOPPING} spec_dataset_mismatch"}


def test_a_monitor_on_validation_rows_needs_some() -> None:
    for monitor in ("val_loss", "val_accuracy"):
        wish = ModelWish(
            target="species",
            split={"validation": 0.0},
            training={"early_stopping": EarlyStoppingSpec(monitor=monitor)},
        )
        assert codes_of(DATA, wish) == {f"{STOPPING} no_validation_rows"}


@pytest.mark.parametrize(
    "monitor", ["val_accuracy", "val_balanced_accuracy", "val_log_loss", "val_auc"]
)
@pytest.mark.parametrize("target", ["species", "sex"])
def test_every_monitor_of_classes_picks_its_best_epoch(target: str, monitor: Monitor) -> None:
    stopping = EarlyStoppingSpec(monitor=monitor, patience=30)
    wish = custom(NARROW, target=target, epochs=12, early_stopping=stopping)
    end = trained(DATA, wish)
    values = [report.metrics[monitor] for report in end.reports]
    best = min(values) if monitor == "val_log_loss" else max(values)
    assert end.state.best_value == best
    assert end.state.best_epoch == values.index(best) + 1


def test_the_area_of_an_epoch_is_scikit_learns() -> None:
    stopping = EarlyStoppingSpec(monitor="val_auc", patience=30)
    end = trained(DATA, custom(NARROW, epochs=3, early_stopping=stopping))
    truth = end.prepared.data.y_validation
    assert truth is not None
    for report in end.reports:
        assert report.val_outputs is not None
        outputs = report.val_outputs.astype(np.float64)
        outputs /= outputs.sum(axis=1, keepdims=True)
        expected = metrics.roc_auc_score(truth, outputs, multi_class="ovr")
        assert report.metrics["val_auc"] == pytest.approx(expected, abs=1e-6)


def test_a_figure_that_validation_rows_cannot_give_fails_as_the_datas() -> None:
    data = ingested(csv_of("x,y", ((i, "late" if i > 20 else "soon") for i in range(60))))
    wish = ModelWish(
        target="y",
        split={"method": "ordered"},
        training={"early_stopping": EarlyStoppingSpec(monitor="val_auc")},
    )
    with pytest.raises(TableError) as caught:
        prepare(data.table, resolve(wish, data.profile))
    assert caught.value.code == "monitor_undefined"
