"""`slope catalog`: what networks and trainings can be made of."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from rich.text import Text

from service.cli.output import JsonOption, write, write_json
from service.schemas.catalog import CatalogEntry, CatalogParameter, Subject
from service.schemas.runs import Task

if TYPE_CHECKING:
    from service.cli.connection import Connection


def catalog(
    context: typer.Context,
    subject: Annotated[Subject, typer.Argument(help="What to list.")],
    name: Annotated[str | None, typer.Argument(help="Only the entry of this name.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List activations, losses, optimizers and so on, with formulas, ranges and defaults."""
    connection: Connection = context.obj
    with connection.open() as client:
        entries = list(client.catalog(subject))
    found = [entry for entry in entries if name in (None, entry.name)]
    if not found:
        known = ", ".join(entry.name for entry in entries)
        raise typer.BadParameter(f"no {name!r} among the {subject}: {known}", param_hint="NAME")
    if as_json:
        write_json(found)
        return
    for entry in found:
        write(Text("\n  ").join([Text(entry.name, style="bold"), *map(Text, _lines(entry))]))


def _lines(entry: CatalogEntry) -> Iterator[str]:
    told = (entry.description, entry.formula, entry.derivative, entry.source)
    yield from (line for line in told if line)
    if len(entry.tasks) < len(get_args(Task)):
        yield f"tasks: {', '.join(entry.tasks)}"
    if entry.default_of:
        yield f"default of: {', '.join(entry.default_of)}"
    for parameter in entry.parameters:
        yield f"{parameter.name}: {', '.join(_facts(parameter))}"


def _facts(parameter: CatalogParameter) -> Iterator[str]:
    yield " | ".join(parameter.choices) if parameter.choices else parameter.type
    bounds = (
        ("at least", parameter.minimum),
        ("above", parameter.exclusive_minimum),
        ("at most", parameter.maximum),
        ("below", parameter.exclusive_maximum),
    )
    yield from (f"{words} {limit:g}" for words, limit in bounds if limit is not None)
    if parameter.required:
        yield "required"
    elif parameter.default is not None:
        yield f"default {parameter.default}"
    else:
        yield "unset by default"
