"""Models on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from service.schemas.datasets import ColumnType
from service.schemas.runs import Task
from service.schemas.targets import TargetColumns
from service.schemas.wire import UtcTime, Wire

Cell = str | float | int | bool | None


class Feature(Wire):
    """A column the model reads, in the order of `inputs`."""

    name: str
    type: ColumnType


class Model(Wire):
    """A trained network with its preprocessing."""

    id: str
    name: str | None
    version: int | None
    run_id: str
    dataset_id: str
    target: TargetColumns
    task: Task
    features: list[Feature]
    classes: list[str] | None
    parameters: int
    bytes: int
    sha256: str
    metrics: dict[str, float | int | None]
    created_at: UtcTime


class PredictRequest(Wire):
    """Rows by column name, or inputs in the model's feature order; exactly one of the two."""

    rows: Annotated[list[dict[str, Cell]], Field(min_length=1)] | None = None
    inputs: Annotated[list[list[Cell]], Field(min_length=1)] | None = None


class RegressionPrediction(Wire):
    """A predicted number, in the data's own units."""

    value: float


class MultiRegressionPrediction(Wire):
    """Predicted numbers by target, each in its own units."""

    values: dict[str, float]


class ClassPrediction(Wire):
    """A predicted class with every class's probability."""

    label: str
    probability: float
    probabilities: dict[str, float]


Prediction = RegressionPrediction | MultiRegressionPrediction | ClassPrediction


class PredictionWarning(Wire):
    """A cell that the model had to replace, or had not seen the like of."""

    row: int
    column: str
    code: Literal["unseen_category", "imputed", "out_of_range", "target_ignored", "column_ignored"]
    used: Cell


class PredictResponse(Wire):
    """Predictions in the order of the rows."""

    model_id: str
    predictions: list[Prediction]
    warnings: list[PredictionWarning]
