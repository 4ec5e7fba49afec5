"""`slope models`: list, look."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import PAGE_SIZE, JsonOption, table, write, write_json
from service.cli.summary import format_metrics, format_target

if TYPE_CHECKING:
    from service.cli.connection import Connection
    from service.schemas.models import Model

models = typer.Typer(help="List and look at trained models.", invoke_without_command=True)


@models.callback()
def list_by_default(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the newest models, unless told otherwise."""
    if context.invoked_subcommand is None:
        list_models(context, as_json=as_json)


@models.command("list")
def list_models(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Newest so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List models, newest first."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = list(islice(client.models.list(limit=min(limit, PAGE_SIZE)), limit))
    if as_json:
        write_json(found)
    else:
        write(table(("MODEL", "NAME", "TARGET", "TASK", "METRICS"), map(_row, found)))


@models.command("get")
def get_model(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Id, name or name:version.")],
    as_json: JsonOption = False,
) -> None:
    """Show one model with the columns it reads."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = client.models.get(model)
    if as_json:
        write_json(found)
        return
    write(table(("MODEL", "NAME", "TARGET", "TASK", "METRICS"), [_row(found)]))
    write(table(("COLUMN", "TYPE"), [(feature.name, feature.type) for feature in found.features]))


def _row(model: Model) -> tuple[str, ...]:
    name = f"{model.name}:{model.version}" if model.name else ""
    return model.id, name, format_target(model.target), model.task, format_metrics(model.metrics)
