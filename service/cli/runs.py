"""`slope runs`: list, look, pause, stop, go on, repeat."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.output import PAGE_SIZE, JsonOption, table, write, write_json
from service.cli.provenance_summary import provenance_summary
from service.cli.report_summary import report_summary
from service.cli.summary import format_metrics, format_target, run_summary

if TYPE_CHECKING:
    from service.cli.connection import Connection
    from service.client import Client
    from service.schemas.runs import Run

EXIT_DIFFERENT = 1

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run.")]
LimitOption = Annotated[int, typer.Option(min=1, help="Newest so many.")]

runs = typer.Typer(
    help="List, look at, pause, stop, continue and repeat runs.", invoke_without_command=True
)


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


@runs.command("pause")
def pause_run(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Put a run aside with a checkpoint, until it is resumed."""
    connection: Connection = context.obj
    with connection.open() as client:
        _show(client.runs.pause(run), as_json=as_json)


@runs.command("resume")
def resume_run(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Let a paused run go on from where it was."""
    connection: Connection = context.obj
    with connection.open() as client:
        _show(client.runs.resume(run), as_json=as_json)


@runs.command("stop")
def stop_run(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """End a run with the epoch it is in and keep its model."""
    connection: Connection = context.obj
    with connection.open() as client:
        _show(client.runs.stop(run), as_json=as_json)


@runs.command("cancel")
def cancel_run(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """End a run now; its last checkpoint stays."""
    connection: Connection = context.obj
    with connection.open() as client:
        _show(client.runs.cancel(run), as_json=as_json)


@runs.command("continue")
def continue_run(
    context: typer.Context,
    start: Annotated[
        str, typer.Argument(metavar="FROM", help="A checkpoint; or a run, for its newest.")
    ],
    epochs: Annotated[
        int | None, typer.Option(help="Epochs in all, those before included.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Register the model as this.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Go on from a checkpoint as a new run; what is not said stays as it was."""
    connection: Connection = context.obj
    changes: dict[str, Any] = {}
    if epochs is not None:
        changes["training"] = {"epochs": epochs}
    if name is not None:
        changes["model"] = name
    with connection.open() as client:
        _show(client.runs.continue_from(_checkpoint(client, start), **changes), as_json=as_json)


@runs.command("replay")
def replay_run(
    context: typer.Context,
    run: RunArgument,
    start: Annotated[
        str, typer.Option("--from", help="One of its checkpoints; else its start.")
    ] = "start",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until it ends.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Do a run again and say whether every bit is the same; if not, the exit code is 1."""
    connection: Connection = context.obj
    with connection.open() as client:
        again = client.runs.replay(run, start=start)
        if wait:
            again = client.runs.wait(again.id)
    _show(again, as_json=as_json)
    if wait and (again.replay is None or not again.replay.identical):
        raise typer.Exit(EXIT_DIFFERENT)


@runs.command("report")
def show_report(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Show how good a run's model is, and how far to trust it."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = client.runs.report(run)
    if as_json:
        write_json(found)
    else:
        write(*report_summary(found))


@runs.command("provenance")
def show_provenance(context: typer.Context, run: RunArgument, as_json: JsonOption = False) -> None:
    """Show what a run's weights come from."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = client.runs.provenance(run)
    if as_json:
        write_json(found)
    else:
        write(provenance_summary(found))


def _checkpoint(client: Client, start: str) -> str:
    if start.startswith("ckpt_"):
        return start
    newest = next(iter(client.runs.checkpoints(start, limit=1)), None)
    if newest is None:
        raise typer.BadParameter("the run has no checkpoint yet", param_hint="FROM")
    return newest.id


def _show(run: Run, *, as_json: bool) -> None:
    if as_json:
        write_json(run)
    else:
        write(run_summary(run))


def _row(run: Run) -> tuple[str, ...]:
    epoch = f"{run.progress.epoch}/{run.progress.epochs}"
    return run.id, run.status, format_target(run.target), epoch, format_metrics(run.metrics)
