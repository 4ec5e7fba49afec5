"""`slope runs`: list, look, cancel."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import PAGE_SIZE, JsonOption, table, write, write_json
from service.cli.summary import format_metrics, format_target, run_summary

if TYPE_CHECKING:
    from service.cli.connection import Connection
    from service.schemas.runs import Run

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]
LimitOption = Annotated[int, typer.Option(min=1, help="Newest so many.")]

runs = typer.Typer(help="List, look at and cancel runs.", invoke_without_command=True)


@runs.callback()
def list_by_default(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the newest runs, unless told otherwise."""
    if context.invoked_subcommand is None:
        list_runs(context, as_json=as_json)


@runs.command("list")
def list_runs(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    model: Annotated[str | None, typer.Option(help="Only those of this model.")] = None,
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = list(
            islice(client.runs.list(status=status, model=model, limit=min(limit, PAGE_SIZE)), limit)
        )
    if as_json:
        write_json(found)
    else:
        write(table(("RUN", "STATUS", "TARGET", "EPOCH", "METRICS"), map(_row, found)))


@runs.command("get")
def get_run(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Show one run."""
    connection: Connection = context.obj
    with connection.open() as client:
        _show(client.runs.get(run), as_json=as_json)


@runs.command("cancel")
def cancel_run(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """End a run now; its last checkpoint stays."""
    connection: Connection = context.obj
    with connection.open() as client:
        _show(client.runs.cancel(run), as_json=as_json)


def _show(run: Run, *, as_json: bool) -> None:
    if as_json:
        write_json(run)
    else:
        write(run_summary(run))


def _row(run: Run) -> tuple[str, ...]:
    epoch = f"{run.progress.epoch}/{run.progress.epochs}"
    return run.id, run.status, format_target(run.target), epoch, format_metrics(run.metrics)
