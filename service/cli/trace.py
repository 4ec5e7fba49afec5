"""`slope trace`: one step of training taken apart, in every number."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from service.cli.network_option import HELP, read_network
from service.cli.output import JsonOption, table, tell, write, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from service.cli.connection import Connection
    from service.schemas.trace import Matrix, Number, Trace, TracedGradient, TracedMove

SHOWN_ENTRIES = 8
SHOWN_COLUMNS = 6


def trace(
    context: typer.Context,
    source: Annotated[
        str, typer.Argument(help="Id of a dataset, or of a checkpoint to go on from.")
    ],
    target: Annotated[list[str] | None, typer.Option(help="Column to predict.")] = None,
    network: Annotated[str | None, typer.Option(help=HELP)] = None,
    row: Annotated[
        list[int] | None, typer.Option(min=0, help="Number of a row, from 0; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Take one step of training apart: layers, loss, gradients beside differences, the update."""
    connection: Connection = context.obj
    with connection.open() as client:
        wishes: dict[str, Any] = {}
        if source.startswith("ckpt_"):
            wishes["checkpoint_id"] = source
        else:
            wishes |= {"dataset_id": source, "network": "auto"}
        if target:
            wishes["target"] = target[0] if len(target) == 1 else target
        if network is not None:
            wishes["network"] = read_network(client, network)
        if row:
            wishes["rows"] = row
        answer = client.networks.trace(**wishes)
    if as_json:
        write_json(answer)
    else:
        _write_trace(answer)


def _write_trace(answer: Trace) -> None:
    write(f"forward: the first of {answer.rows} rows")
    write(_forward(answer))
    update = answer.update
    rate = update.learning_rate.value
    write(f"\nupdate: {update.optimizer} at the rate {rate:g}, {update.formula}")
    write(_entries(answer))
    gradients, after = answer.gradients, answer.after
    verdict = "agree" if gradients.passed else "DISAGREE"
    write(
        f"\ngradients and finite differences {verdict}: {gradients.checked} of "
        f"{gradients.parameters} checked, worst relative error "
        f"{_number(gradients.worst_relative_error)}"
    )
    write(f"loss {_number(answer.loss.mean)} -> {_number(after.loss)}")
    for note in answer.notes:
        tell(note)


def _forward(answer: Trace) -> Table:
    columns = [column.name for column in answer.inputs.columns]
    named = ", ".join(columns[:SHOWN_COLUMNS])
    return _table(
        ("STEP", "VALUES", "FORMULA"),
        [
            ("inputs", _first_row(answer.inputs.values), named),
            *((layer.name, _first_row(layer.a), layer.formula) for layer in answer.layers),
            (answer.output.activation, _first_row(answer.output.a), answer.output.formula),
            (answer.loss.type, _number(next(iter(answer.loss.terms), None)), answer.loss.formula),
        ],
    )


def _entries(answer: Trace) -> Table:
    """A line for each of the first entries of every tensor."""
    moves = {move.tensor: move for move in answer.update.tensors}
    rows: list[tuple[str, ...]] = []
    for gradient in answer.gradients.tensors:
        move = moves[gradient.tensor]
        moved = zip(_places(move), move.before, move.after, strict=True)
        ends = {place: (before, after) for place, before, after in moved}
        slopes = zip(_places(gradient), gradient.gradient, gradient.finite_difference, strict=True)
        for place, slope, difference in islice(slopes, SHOWN_ENTRIES):
            if place in ends:
                before, after = ends[place]
                figures = map(_number, (before, slope, difference, after))
                rows.append((f"{gradient.tensor}[{place}]", *figures))
    return _table(("ENTRY", "BEFORE", "GRADIENT", "DIFFERENCE", "AFTER"), rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    # Formulas have brackets, and columns any name: neither is markup.
    return table(columns, [[escape(cell) for cell in row] for row in rows])


def _places(tensor: TracedGradient | TracedMove) -> Sequence[int]:
    return range(len(tensor.gradient)) if tensor.entries is None else tensor.entries


def _first_row(values: Matrix) -> str:
    shown: Sequence[Number] = values[0][:SHOWN_COLUMNS] if values else []
    more = " ..." if values and len(values[0]) > SHOWN_COLUMNS else ""
    return "  ".join(map(_number, shown)) + more


def _number(value: Number) -> str:
    return "not finite" if value is None else f"{value:.6g}"
