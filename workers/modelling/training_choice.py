"""How the training goes: what the user set, checked, and the recipe's numbers for the rest."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workers.engine.spec import (
    METRICS,
    AdamSpec,
    ConstantSchedule,
    EarlyStoppingSpec,
    LbfgsSpec,
    MultistepSchedule,
    SgdSpec,
    TrainingSpec,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.engine.spec import Loss, NetworkSpec
    from workers.modelling.findings import Findings
    from workers.modelling.plan import ModelWish, Task
    from workers.modelling.row_division import Division

# Rows that train. Chosen with the recipe's other numbers among 36 on nine public tables, by five
# folds below 2,000 rows: widths 32, 64, 128; tanh, ReLU; learning rates and batches around these.
SMALL_TABLE = 2_000
LARGE_TABLE = 20_000

MAX_FULL_BATCH = 65_536
"""Rows of the largest batch, which is what L-BFGS can take as the whole."""

_SLOW_AVERAGE = 0.1
_MONITOR = "/training/early_stopping/monitor"


def resolve_training(
    wish: ModelWish, defaults: Mapping[str, Any], division: Division, loss: Loss
) -> TrainingSpec:
    """The training of a wish with nothing left open; `defaults` are its recipe's fields."""
    wished = {name: value for name, value in wish.training.items() if name != "loss"}
    defaults = dict(defaults)
    if isinstance(wished.get("optimizer"), LbfgsSpec):
        defaults["batch_size"] = min(division.most_train, MAX_FULL_BATCH)
    spec = TrainingSpec(**defaults | {"loss": loss} | wished)
    stopping = spec.early_stopping
    return replace(
        spec,
        schedule=spec.schedule or ConstantSchedule(),
        early_stopping=stopping and replace(stopping, mode=stopping.direction()),
    )


def check_training(spec: TrainingSpec, task: Task, division: Division, findings: Findings) -> None:
    """Note what of a resolved training does not fit the rows, the task or itself."""
    check_consistency(spec, (task,), findings)
    if spec.early_stopping is not None:
        _check_validation(spec.early_stopping, task, division, findings)
    if isinstance(spec.optimizer, LbfgsSpec):
        _check_full_batch(spec, division, findings)
    elif spec.batch_size > division.n_train:
        detail = f"A batch cannot be larger than the {division.n_train} rows that train."
        findings.problem("/training/batch_size", "batch_gt_rows", detail, division.n_train)
    _check_schedule(spec, spec.epochs * steps_per_epoch(spec, division.n_train), findings)


def check_consistency(spec: TrainingSpec, tasks: Sequence[Task], findings: Findings) -> None:
    """Note what of a training contradicts itself, or all of these tasks, on whatever rows."""
    if spec.early_stopping is not None:
        _check_monitor(spec.early_stopping, tasks, findings)
    if isinstance(spec.optimizer, LbfgsSpec):
        _check_gradient_options(spec, findings)
    if isinstance(spec.optimizer, SgdSpec) and spec.optimizer.nesterov:
        _warn_of_nesterov(spec.optimizer, findings)
    if isinstance(spec.schedule, MultistepSchedule):
        _check_milestones(spec.schedule.milestones, spec.epochs, findings)


def steps_per_epoch(spec: TrainingSpec, n_train: int) -> int:
    """Updates of the parameters in an epoch: one for every `accumulate` batches."""
    batches = math.ceil(n_train / spec.batch_size)
    return math.ceil(batches / spec.accumulate)


def defaults_for(recipe: str, hidden: NetworkSpec, division: Division) -> dict[str, Any]:
    """What the recipes mlp and linear set, and what a network that is written out starts from."""
    n_train = division.n_train
    # Without hidden layers the loss is convex: large steps cannot lead astray.
    learning_rate = 0.001 if n_train < SMALL_TABLE or recipe == "custom" else 0.003
    optimizer = AdamSpec(learning_rate=learning_rate if hidden.layers else 0.01)
    if recipe == "custom":
        return {"epochs": 100, "batch_size": min(32, n_train), "optimizer": optimizer}
    batch_size = _batch_size(n_train)
    epochs = _epochs(n_train, math.ceil(n_train / batch_size))
    patience = max(epochs // 7, 10)
    return {
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "early_stopping": EarlyStoppingSpec(patience=patience) if division.n_validation else None,
    }


def _batch_size(n_train: int) -> int:
    if n_train < SMALL_TABLE:
        return min(max(n_train // 8, 8), 32, n_train)
    return 128 if n_train < LARGE_TABLE else 256


def _epochs(n_train: int, steps_per_epoch: int) -> int:
    """Early stopping ends most trainings sooner; the smallest tables need 2,000 steps or so."""
    if n_train < SMALL_TABLE:
        return min(max(math.ceil(3000 / steps_per_epoch), 300), 1000)
    return 100 if n_train < LARGE_TABLE else 64


def _check_monitor(stopping: EarlyStoppingSpec, tasks: Sequence[Task], findings: Findings) -> None:
    metric = METRICS[stopping.monitor]
    if not set(tasks) & set(metric.tasks):
        named = " or ".join(tasks)
        names = ", ".join(name for name, other in METRICS.items() if set(tasks) & set(other.tasks))
        detail = f"{stopping.monitor} does not exist for a {named} task; these do: {names}."
        findings.problem(_MONITOR, "spec_dataset_mismatch", detail, names)
    if stopping.direction() != metric.better:
        detail = f"{stopping.monitor} is better the other way: the worst epoch counts as the best."
        findings.warn("monitor_direction", None, detail)


def _check_validation(
    stopping: EarlyStoppingSpec, task: Task, division: Division, findings: Findings
) -> None:
    exists = task in METRICS[stopping.monitor].tasks
    if exists and stopping.monitor.startswith("val_") and not division.n_validation:
        detail = f"Without validation rows there is no {stopping.monitor}: monitor train_loss."
        findings.problem(_MONITOR, "no_validation_rows", detail)


def _check_full_batch(spec: TrainingSpec, division: Division, findings: Findings) -> None:
    n_train = division.most_train
    if n_train > MAX_FULL_BATCH:
        detail = f"L-BFGS takes all {n_train} rows as one batch; the limit is {MAX_FULL_BATCH}."
        findings.problem("/training/optimizer", "full_batch_needed", detail, MAX_FULL_BATCH)
    elif spec.batch_size < n_train:
        detail = f"L-BFGS takes all {n_train} rows as one batch: leave batch_size out."
        findings.problem("/training/batch_size", "full_batch_needed", detail, n_train)


def _check_gradient_options(spec: TrainingSpec, findings: Findings) -> None:
    if spec.accumulate > 1:
        detail = "L-BFGS takes all rows as one batch: there is nothing to accumulate."
        findings.problem("/training/accumulate", "not_with_lbfgs", detail, 1)
    for name in ("clip_norm", "clip_value"):
        if getattr(spec, name) is not None:
            detail = "L-BFGS finds its step along the whole gradient: it cannot be clipped."
            findings.problem(f"/training/{name}", "not_with_lbfgs", detail)
    if spec.members > 1:
        detail = "L-BFGS searches along a line of its own: it trains one network at a time."
        findings.problem("/training/members", "not_with_lbfgs", detail, 1)


def _warn_of_nesterov(optimizer: SgdSpec, findings: Findings) -> None:
    if not optimizer.momentum:
        detail = "Nesterov's step is the plain one where the momentum is 0."
        findings.warn("no_effect", None, detail)


def _check_schedule(spec: TrainingSpec, steps: int, findings: Findings) -> None:
    schedule = spec.schedule
    if schedule is not None and schedule.warmup_steps >= steps:
        detail = f"The warm-up would outlast the {steps} steps of the training."
        findings.problem("/training/schedule/warmup_steps", "warmup_too_long", detail, steps - 1)
    left = 0.0 if spec.ema_decay is None else spec.ema_decay**steps
    if left > _SLOW_AVERAGE:
        detail = f"After {steps} steps {left:.0%} of the averaged weights are still the first ones."
        findings.warn("ema_too_slow", None, detail)


def _check_milestones(milestones: tuple[int, ...], epochs: int, findings: Findings) -> None:
    pointer = "/training/schedule/milestones"
    for place in range(1, len(milestones)):
        if milestones[place] <= milestones[place - 1]:
            detail = "Each milestone must be later than the one before."
            findings.problem(f"{pointer}/{place}", "not_ascending", detail, milestones[place - 1])
    if max(milestones) >= epochs:
        detail = f"A milestone at epoch {max(milestones)} changes nothing in {epochs} epochs."
        findings.warn("schedule_unreached", None, detail)
