"""Reports on the wire: how good a run's model is, and how far to trust it."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from service.schemas.runs import Task
from service.schemas.wire import Wire

Figure = float | None
"""Null where it is not defined on these rows, or is not a finite number."""


class NotMade(Wire):
    """Why a part of the report is not there."""

    reason: str


class TargetFigures(Wire):
    """A regression's errors, in the target's own units."""

    r2: Figure
    rmse: Figure
    mae: Figure
    residual_quantiles: dict[str, Figure] = Field(
        description="Of truth minus prediction, by level."
    )


class RegressionFigures(Wire):
    """A regression on some rows; of several targets the averages, and each in `targets`."""

    n: int
    r2: Figure
    rmse: Figure
    mae: Figure
    residual_quantiles: dict[str, Figure] | None = None
    targets: dict[str, TargetFigures] | None = None


class ConfusionMatrix(Wire):
    """How often a class (row) was predicted as another (column)."""

    labels: list[str]
    matrix: list[list[int]]


class ClassRow(Wire):
    """One class; null where there is nothing to divide by."""

    label: str
    precision: Figure
    recall: Figure
    f1: Figure
    support: int


class Roc(Wire):
    """Points of the ROC curve, by falling threshold; null is a threshold above all rows."""

    false_positive_rate: list[float]
    true_positive_rate: list[float]
    thresholds: list[float | None]


class PrecisionRecall(Wire):
    """Points of the precision-recall curve, by falling threshold."""

    precision: list[float]
    recall: list[float]
    thresholds: list[float | None]


class Curves(Wire):
    """What one label's probability, against all others, trades for what."""

    label: str
    roc: Roc
    precision_recall: PrecisionRecall


class CalibrationBin(Wire):
    """Rows of about the same probability: what was said, and how often it happened."""

    probability: float
    frequency: float
    count: int


class Calibration(Wire):
    """Bins of about equally many rows, by the probability of `of`; null: of the predicted class."""

    of: str | None
    bins: list[CalibrationBin]
    expected_calibration_error: float


class ClassificationFigures(Wire):
    """A classification on some rows; the last three are the model's alone, not the baselines'."""

    n: int
    accuracy: Figure
    balanced_accuracy: Figure
    log_loss: Figure
    auc: Figure = None
    brier: Figure = None
    average_precision: Figure = Field(None, description="Of two classes, that of the second.")
    confusion_matrix: ConfusionMatrix | None = Field(
        None, description="Of the baselines only for up to 100 classes."
    )
    classes: list[ClassRow] | None = None
    curves: list[Curves] | None = None
    calibration: Calibration | None = None


Figures = RegressionFigures | ClassificationFigures


class Constant(Wire):
    """The best constant answer: the training rows' mean, or their classes' frequencies."""

    validation: Figures | None
    test: Figures | None = None


class Linear(Wire):
    """A linear model of the same inputs, fitted on `rows` training rows."""

    rows: int
    validation: Figures | None
    test: Figures | None


class Baselines(Wire):
    """What models that know less say of the same rows."""

    constant: Constant
    linear: Linear | NotMade | None = None


class Losses(Wire):
    """Mean losses of the rows: of the model on its own rows and on others, of the baselines."""

    training: float
    validation: float
    constant: float
    linear: float | None


class Learning(Wire):
    """Whether the model has learned too little of its rows or too much."""

    verdict: Literal["good", "uncertain", "overfitting", "underfitting"]
    advice: str
    measure: str
    losses: Losses
    validation_standard_error: float
    epochs: int
    best_epoch: int | None


class ColumnImportance(Wire):
    """How much the loss grows without what a column tells; spread: a standard deviation."""

    column: str
    increase: float
    spread: float | None


class Importance(Wire):
    """Permutation importance, the column that matters most first."""

    part: Literal["validation", "test"]
    measure: str
    loss: float | None
    rows: int
    repeats: int
    columns: list[ColumnImportance]


class Interval(Wire):
    """Prediction plus or minus `half_width`; null where there are too few rows for the level."""

    level: float
    half_width: float | None
    test_coverage: float | None = Field(description="Null without test rows.")


class PredictionSet(Wire):
    """All classes whose probability reaches `threshold`, and how that does on test rows."""

    level: float
    threshold: float | None
    test_coverage: float | None
    mean_size: float | None
    empty: float | None = Field(description="The share of rows whose set has no class.")


class Conformal(Wire):
    """Intervals or sets that hold the truth as often as they say, by split-conformal prediction."""

    rows: int
    note: str
    intervals: list[Interval] | dict[str, list[Interval]] | None = None
    sets: list[PredictionSet] | None = None


class AtThreshold(Wire):
    """The second class is answered where its probability reaches `threshold`."""

    threshold: float
    predicted: int
    accuracy: float
    balanced_accuracy: float
    precision: Figure
    recall: Figure
    f1: Figure


class OperatingPoint(Wire):
    """A threshold chosen on validation rows, and what comes of it."""

    threshold: float
    validation: AtThreshold
    test: AtThreshold | None


class Thresholds(Wire):
    """Of two classes: what comes of other thresholds than one half."""

    label: str
    table: list[AtThreshold] = Field(description="On validation rows.")
    operating_points: dict[Literal["max_f1", "max_balanced_accuracy"], OperatingPoint]


class FoldRows(Wire):
    """How many rows trained without a fold, judged the epochs, and were held out as the fold."""

    train: int
    validation: int
    held_out: int


class Fold(Wire):
    """A training without one fold, judged on that fold; or the reason why there is none."""

    fold: int
    rows: FoldRows | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    figures: dict[str, Figure] | None = None
    reason: str | None = None


class CrossValidation(Wire):
    """How good trainings like the run's are on rows that none of them saw, fold by fold."""

    folds: list[Fold]
    mean: dict[str, Figure] = Field(description="Of the folds that have the figure.")
    std: dict[str, Figure] = Field(description="The sample standard deviation, n - 1 below.")
    reason: str | None = Field(description="Why folds are missing.")


class Rows(Wire):
    """How many rows are in each part of the split."""

    train: int
    validation: int
    test: int


class Report(Wire):
    """The evaluation of a run's model on rows that did not train it, beside baselines.

    What an older version did not report is left out; what a newer one adds is passed on.
    """

    model_config = ConfigDict(extra="allow")

    task: Task
    rows: Rows
    validation: Figures | None
    test: Figures | None
    baselines: Baselines
    learning: Learning | NotMade | None = None
    importance: Importance | NotMade | None = None
    conformal: Conformal | NotMade | None = None
    thresholds: Thresholds | NotMade | None = None
    cross_validation: CrossValidation | None = None
    coefficients: dict[str, float | None] | dict[str, dict[str, float | None]] | None = Field(
        None, description="Of a network without hidden layers, in the data's own units."
    )
    intercept: float | dict[str, float | None] | None = None
    coefficients_of: str | None = None
    coefficients_reason: str | None = Field(
        None, description="Why such a network has none: its inputs are more than scaled columns."
    )
