"""A trace on the wire: one training step taken apart, with everything that was computed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, Len
from pydantic import BeforeValidator, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from service.schemas.models import Cell
from service.schemas.runs import (
    ColumnNames,
    NetworkChoice,
    Preprocessing,
    PreprocessingWish,
    Task,
)
from service.schemas.targets import TargetColumns
from service.schemas.training import Auto, OrAuto, TrainingWish
from service.schemas.wire import Wire
from workers.engine.spec import NetworkSpec, Seed, TrainingSpec

MAX_ROWS = 32

Number = float | None
Row = list[Number]
Matrix = list[Row]


def _plain(value: object) -> object:
    # Before the types of a cell are tried, each of which would have an error of its own.
    if isinstance(value, list | dict):
        raise PydanticCustomError("cell_type", "a cell is expected")
    return value


TracedCell = Annotated[Cell, BeforeValidator(_plain)]


def _choose_rows(value: object) -> str:
    is_places = isinstance(value, list) and all(type(item) is int for item in value)
    return "<row numbers>" if is_places and value else "<rows>"


TracedRows = Annotated[
    Annotated[list[dict[str, TracedCell]], Len(1, MAX_ROWS), Tag("<rows>")]
    | Annotated[list[Annotated[int, Ge(0), Le(2**53)]], Len(1, MAX_ROWS), Tag("<row numbers>")],
    Discriminator(_choose_rows),
]


class TraceRequest(Wire):
    """One step of training to take apart: on rows written out, on rows of a table, or both.

    With `checkpoint_id` the step goes on from those weights, and what is not set (dataset, target,
    network, training, preprocessing, seed) is that of the checkpoint's run.
    """

    network: NetworkChoice | None = Field(None, description="Needed without a checkpoint.")
    target: TargetColumns | None = Field(None, description="Needed without a checkpoint.")
    rows: TracedRows | None = Field(
        None,
        description="At most 32: objects by column name, targets included, or numbers of rows of "
        "the dataset, from 0. Without them the first 8 rows that train.",
    )
    dataset_id: str | None = Field(
        None, description="The table that preprocessing is fitted on; else the rows themselves."
    )
    checkpoint_id: str | None = None
    features: OrAuto[ColumnNames] = "auto"
    task: Literal[Task, Auto] = "auto"
    preprocessing: PreprocessingWish = "auto"
    training: TrainingWish = TrainingWish()
    seed: Seed | None = Field(None, description="0, or the run's, unless set.")


class TracedSpec(Wire):
    """Everything that "auto" and defaults became."""

    target: TargetColumns
    task: Task
    classes: list[str] | None
    features: list[str]
    recipe: str
    network: NetworkSpec
    training: TrainingSpec
    preprocessing: Preprocessing
    seed: int
    checkpoint_id: str | None


class TracedColumn(Wire):
    """One input or output of the network, and how it comes from the data."""

    name: str
    formula: str


class TracedInputs(Wire):
    """The rows as the network sees them."""

    shape: list[int]
    columns: list[TracedColumn] = Field(description="As many as are shown.")
    values: Matrix


class TracedActivation(Wire):
    """An activation function."""

    name: str
    formula: str
    derivative: str | None


class TracedLayer(Wire):
    """What a layer did: z went in behind the weights, a came out, the slope between them.

    Arrays are (rows, units), cut to `columns_shown` units. z of a norm is the normalised input, and
    the slope its scale; the slope of a dropout is its mask; that of softmax the diagonal of its
    Jacobian. `delta` is dL/dz, what backpropagation brought to the layer.
    """

    name: str
    type: str
    formula: str
    derivative: str | None
    activation: TracedActivation | None
    adds_input_of: str | None = Field(description="Of a residual connection: the layer before.")
    input_shape: list[int]
    output_shape: list[int]
    columns_shown: int
    z: Matrix
    local_derivative: Matrix
    a: Matrix
    delta: Matrix | None = None
    mean: Matrix | None = None
    variance: Matrix | None = None


class TracedOutput(Wire):
    """The output activation on the logits z."""

    activation: str
    formula: str
    derivative: str | None
    z: Matrix
    local_derivative: Matrix
    a: Matrix


class TracedLoss(Wire):
    """The loss of every row, and their (weighted) mean, which training makes small."""

    type: str
    formula: str
    derivative: str | None
    targets: Matrix | Row = Field(description="As the network learns them; classes by number.")
    target_columns: list[TracedColumn]
    weights: Row | None
    terms: Row
    mean: Number
    penalty: Number = Field(description="The sum of l1 |w| + l2/2 w^2, added to the mean.")
    d_logits: Matrix = Field(description="Of the mean by the logits: where backpropagation starts.")


class Gate(Wire):
    """When a gradient counts as right."""

    relative: float
    absolute: float
    rule: str


class TracedGradient(Wire):
    """A tensor's gradient by backpropagation beside that by finite differences."""

    tensor: str
    shape: list[int]
    entries: list[int] | None = Field(
        description="Which entries are shown, in row-major order; null for all of them."
    )
    derivative: str | None
    gradient: Row
    finite_difference: Row
    relative_error: Row = Field(description="0 where both are within the absolute gate.")
    at_kink: list[int] = Field(description="Which of those shown stand at a kink, by place.")
    passed: bool


class TracedGradients(Wire):
    """Every gradient, of loss and penalty, with the check that needs no calculus."""

    step: str
    gate: Gate
    parameters: int
    checked: int
    worst_relative_error: Number
    passed: bool
    tensors: list[TracedGradient]


class TracedClipping(Wire):
    """What was done to the gradient before the step."""

    formula: str
    clip_value: float | None
    clip_norm: float | None
    norm: Number
    factor: Number


class TracedMove(Wire):
    """A tensor before and after the step, with all that the formula goes through, by its names."""

    tensor: str
    shape: list[int]
    entries: list[int] | None
    before: Row
    gradient: Row
    quantities: dict[str, Row]
    after: Row
    ema: Row | None = None
    worked: str = Field(description="The formula with the numbers of the first entry put in.")


class TracedBuffer(Wire):
    """Running statistics of a batch norm, moved by the forward pass."""

    tensor: str
    formula: str
    before: Row
    after: Row


class TracedRate(Wire):
    """The learning rate of the first step of such a training."""

    base: float
    schedule: str | None
    formula: str | None
    value: float


class TracedUpdate(Wire):
    """The step of the optimiser."""

    optimizer: str
    formula: str
    source: str
    learning_rate: TracedRate
    numbers: dict[str, float | int | bool]
    clipping: TracedClipping | None
    max_norms: dict[str, float]
    engine_minus_formula: Number = Field(
        description="The largest difference between the engine's step and the formula's."
    )
    tensors: list[TracedMove]
    buffers: list[TracedBuffer]


class TracedPrediction(Wire):
    """What the network says of a row, in the data's own terms, before and after the step."""

    truth: Any
    before: Any
    after: Any


class TracedAfter(Wire):
    """The same rows once more, with the new parameters."""

    loss: Number
    penalty: Number
    change: Number
    objective_change: Number = Field(description="That of loss and penalty together.")
    expected_change: Number = Field(
        description="The gradient times the step: what the objective changes by, to first order."
    )
    outputs: Matrix


class Trace(Wire):
    """One training step taken apart, in float64; `nonfinite` names what is null for being so."""

    resolved: TracedSpec
    rows: int
    inputs: TracedInputs
    layers: list[TracedLayer]
    output: TracedOutput
    loss: TracedLoss
    gradients: TracedGradients
    update: TracedUpdate
    after: TracedAfter
    predictions: list[TracedPrediction]
    notes: list[str]
    nonfinite: dict[str, Literal["nan", "inf", "-inf"]]
