"""Which species is this penguin? A table with gaps, learned with nothing but its target named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from examples.training import TrainingError, train
from service.schemas.models import ClassPrediction

if TYPE_CHECKING:
    from rich.console import Console

    from service.client import Client
    from service.schemas.models import PredictResponse

CSV = Path(__file__).with_name("penguins.csv")
LEAST_ACCURACY = 0.95

# Of no row of the table; the last one has gaps, as half the world's tables do.
UNSEEN: list[dict[str, Any]] = [
    {
        "island": "Torgersen",
        "bill_length_mm": 38.4,
        "bill_depth_mm": 18.9,
        "flipper_length_mm": 188,
        "body_mass_g": 3620,
        "sex": "female",
        "year": 2008,
    },
    {
        "island": "Biscoe",
        "bill_length_mm": 47.9,
        "bill_depth_mm": 15.1,
        "flipper_length_mm": 219,
        "body_mass_g": 5320,
        "sex": "male",
        "year": 2009,
    },
    {
        "island": "Dream",
        "bill_length_mm": 49.8,
        "bill_depth_mm": 18.8,
        "flipper_length_mm": None,
        "body_mass_g": 3780,
        "sex": None,
        "year": 2007,
    },
]


def learn_penguins(client: Client, console: Console) -> None:
    """Learn the species of 344 penguins, show where the network errs, ask it about three more.

    Raises:
        TrainingError: fewer than 95% of the rows held out for validation are right.
    """
    dataset = client.datasets.create(CSV)
    gaps = sum(column.missing for column in dataset.columns)
    console.print(f"  {dataset.rows} rows, {len(dataset.columns)} columns, {gaps} missing values")
    console.print('  all that is asked: {"dataset_id": ..., "target": "species"}')
    run = train(client, console, dataset_id=dataset.id, target="species")
    validation = client.runs.report(run.id)["validation"]
    console.print(
        f"\n  Validation accuracy {validation['accuracy']:.1%} on {validation['n']} rows that did "
        "not train it"
    )
    _show_confusion(console, **validation["confusion_matrix"])
    console.print("\n  Three penguins it has never seen")
    _show_predictions(console, client.models.predict(run.model_id or "", UNSEEN))
    if validation["accuracy"] < LEAST_ACCURACY:
        raise TrainingError(f"validation accuracy is below {LEAST_ACCURACY:.0%}")


def _show_confusion(console: Console, labels: list[str], matrix: list[list[int]]) -> None:
    table = _table("true \\ predicted", *labels)
    for label, counts in zip(labels, matrix, strict=True):
        table.add_row(label, *(str(count) if count else "." for count in counts))
    console.print(table)


def _show_predictions(console: Console, answer: PredictResponse) -> None:
    predictions = [p for p in answer.predictions if isinstance(p, ClassPrediction)]
    table = _table("island, bill, mass", "species", *predictions[0].probabilities)
    for row, prediction in zip(UNSEEN, predictions, strict=True):
        bill = f"{row['bill_length_mm']} x {row['bill_depth_mm']} mm"
        probabilities = [f"{p:.4f}" for p in prediction.probabilities.values()]
        who = f"{row['island']}, {bill}, {row['body_mass_g']} g"
        table.add_row(who, prediction.label, *probabilities)
    console.print(table)


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="bold")
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
