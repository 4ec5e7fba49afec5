"""`slope predict`: ask a model about the rows of a file, or about one row."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.csv_parts import csv_parts
from service.cli.output import JsonOption, table, tell, write, write_json
from service.client import Client
from service.schemas.models import (
    ClassPrediction,
    MultiRegressionPrediction,
    Prediction,
    PredictionWarning,
    PredictResponse,
)

if TYPE_CHECKING:
    from service.cli.connection import Connection

ROWS_AT_ONCE = 2000
SHOWN_ROWS = 50


def predict(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Id, name or name:version.")],
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV file with the columns the model reads."
        ),
    ] = None,
    row: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=VALUE", help="A cell of the one row.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Predict the rows of a CSV file, or one row given cell by cell."""
    if (file is None) == (row is None):
        raise typer.BadParameter("give either FILE or --row COLUMN=VALUE ...")
    connection: Connection = context.obj
    with connection.open() as client:
        if file is not None:
            answer = _predict_file(client, model, file)
        else:
            answer = client.models.predict(model, [_read_row(client, model, row or [])])
    if as_json:
        write_json(answer)
        return
    _write_table(answer.predictions)
    _tell_warnings(answer.warnings)


def _predict_file(client: Client, ref: str, path: Path) -> PredictResponse:
    predictions: list[Prediction] = []
    warnings: list[PredictionWarning] = []
    model_id = ""
    with path.open("rb") as lines:
        for part in csv_parts(lines, ROWS_AT_ONCE):
            # The model of the first part answers all, should the name get a new version meanwhile.
            answer = client.models.predict_csv(model_id or ref, part)
            model_id = answer.model_id
            first = len(predictions)
            predictions += answer.predictions
            warnings += [
                warning.model_copy(update={"row": warning.row + first})
                for warning in answer.warnings
            ]
    if not predictions:
        raise typer.BadParameter(f"{path} has no rows", param_hint="FILE")
    return PredictResponse(model_id=model_id, predictions=predictions, warnings=warnings)


def _read_row(client: Client, ref: str, cells: Sequence[str]) -> dict[str, Any]:
    types = {feature.name: feature.type for feature in client.models.get(ref).features}
    # A column that is not named is a missing value; the answer tells what stood in for it.
    row: dict[str, Any] = dict.fromkeys(types)
    for cell in cells:
        name, separator, value = cell.partition("=")
        if not separator:
            raise typer.BadParameter(f"{cell!r} is not COLUMN=VALUE", param_hint="--row")
        row[name] = _read_cell(name, value) if types.get(name) == "numeric" else value or None
    return row


def _read_cell(name: str, value: str) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        raise typer.BadParameter(f"{name} is a number, not {value!r}", param_hint="--row") from None


def _write_table(predictions: Sequence[Prediction]) -> None:
    shown = predictions[:SHOWN_ROWS]
    if isinstance(shown[0], ClassPrediction):
        columns: tuple[str, ...] = ("ROW", "LABEL", "PROBABILITY")
    elif isinstance(shown[0], MultiRegressionPrediction):
        columns = ("ROW", *shown[0].values)
    else:
        columns = ("ROW", "VALUE")
    write(table(columns, [(str(i), *_cells(p)) for i, p in enumerate(shown)]))
    if len(predictions) > len(shown):
        tell(f"... and {len(predictions) - len(shown)} rows more; --json writes all.")


def _cells(prediction: Prediction) -> tuple[str, ...]:
    if isinstance(prediction, ClassPrediction):
        return prediction.label, f"{prediction.probability:.4f}"
    if isinstance(prediction, MultiRegressionPrediction):
        return tuple(f"{value:.6g}" for value in prediction.values.values())
    return (f"{prediction.value:.6g}",)


def _tell_warnings(warnings: Sequence[PredictionWarning]) -> None:
    for warning in warnings[:SHOWN_ROWS]:
        what = warning.code.replace("_", " ")
        used = "" if warning.used is None else f", used {warning.used}"
        tell(f"row {warning.row}, {warning.column}: {what}{used}")
