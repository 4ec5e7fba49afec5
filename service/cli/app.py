"""The command line: its commands, and the exit code of every way to end."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated

import stamina
import typer

from service.cli.catalog import catalog
from service.cli.connection import find_connection
from service.cli.datasets import datasets
from service.cli.models import models
from service.cli.output import report_error
from service.cli.predict import predict
from service.cli.runs import runs
from service.cli.serve import serve
from service.cli.status import status
from service.cli.trace import trace
from service.cli.train import train, watch
from service.client import ApiError, ClientError, ServerError
from service.settings import SettingsError

EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_REFUSED = 4

app = typer.Typer(
    name="slope",
    help="Train neural networks on tables and ask them for predictions.",
    epilog=(
        "Exit codes: 0 done, 1 the run did not succeed, 2 wrong usage or settings, 3 the service "
        "does not answer, 4 the service refused (unknown, invalid or without a key), 130 Ctrl-C."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.command()(train)
app.command()(watch)
app.command()(predict)
app.command()(catalog)
app.command()(trace)
app.command()(status)
app.add_typer(datasets, name="datasets")
app.add_typer(runs, name="runs")
app.add_typer(models, name="models")


@app.callback()
def connect(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Address of the service.", envvar="SLOPE_URL")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="Key; on this machine that of the state folder unless given.",
            envvar="SLOPE_API_KEY",
            show_envvar=True,
        ),
    ] = None,
) -> None:
    """Find the service that every command talks to."""
    context.obj = find_connection(os.environ, url=url, api_key=api_key)


def main() -> None:
    """Run the command line and exit with its code."""
    # Its default would write a line of its own for every retry, on the stream of our results.
    stamina.instrumentation.set_on_retry_hooks(())
    # A curve that a terminal cannot draw is no reason to end with an error.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="slope")
    except SettingsError as error:
        report_error(error)
        sys.exit(EXIT_USAGE)
    except ClientError as error:
        report_error(error)
        refused = isinstance(error, ApiError) and not isinstance(error, ServerError)
        sys.exit(EXIT_REFUSED if refused else EXIT_UNREACHABLE)
