"""The figures that may be watched, each with its formula and the direction of better."""

from __future__ import annotations

from typing import Literal, NamedTuple

Monitor = Literal[
    "train_loss",
    "val_loss",
    "val_accuracy",
    "val_balanced_accuracy",
    "val_log_loss",
    "val_auc",
    "val_rmse",
    "val_mae",
    "val_r2",
]
Direction = Literal["min", "max"]


class Metric(NamedTuple):
    """What a figure is, which way is better, and for which tasks it exists."""

    formula: str
    better: Direction
    tasks: tuple[str, ...]


_ALL = ("regression", "binary", "multiclass")
_CLASSES = ("binary", "multiclass")

METRICS: dict[Monitor, Metric] = {
    "train_loss": Metric("mean over the epoch's rows, each as it was trained", "min", _ALL),
    "val_loss": Metric("the loss on the validation rows after the epoch", "min", _ALL),
    "val_accuracy": Metric("part of the rows with the true class on top", "max", _CLASSES),
    "val_balanced_accuracy": Metric("mean over the classes of recall", "max", _CLASSES),
    "val_log_loss": Metric("mean of -log(probability of the true class)", "min", _CLASSES),
    "val_auc": Metric("chance that a row of a class outscores another's", "max", _CLASSES),
    "val_rmse": Metric("sqrt(mean (y - t)^2), in the data's own units", "min", ("regression",)),
    "val_mae": Metric("mean |y - t|, in the data's own units", "min", ("regression",)),
    "val_r2": Metric("1 - sum (y - t)^2 / sum (t - mean t)^2", "max", ("regression",)),
}
"""Everything that early stopping, the best epoch and a plateau can be judged by."""
