"""`slope train` and `slope watch`: start a training, see it learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.learning_curve import WIDTH, learning_curve
from service.cli.network_option import HELP as NETWORK_HELP
from service.cli.network_option import read_network
from service.cli.output import JsonOption, console, tell, write, write_json
from service.cli.progress import follow
from service.cli.progress_views import progress_view
from service.cli.summary import format_target, run_summary

if TYPE_CHECKING:
    from service.cli.connection import Connection
    from service.client import Client
    from service.schemas.runs import Run

EXIT_RUN_FAILED = 1


def train(  # noqa: PLR0913 - one argument for each option of the command line
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(
            help="CSV, TSV, JSON, NDJSON, Parquet or NPY file, or the id of a dataset (ds_...)."
        ),
    ],
    target: Annotated[
        list[str], typer.Option(help="Column to learn; several times: numbers, all at once.")
    ],
    feature: Annotated[
        list[str] | None, typer.Option(help="Column to learn from, several times; else all.")
    ] = None,
    network: Annotated[str | None, typer.Option(help=NETWORK_HELP)] = None,
    epochs: Annotated[int | None, typer.Option(help="Most epochs to train.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate, of Adam.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows of a step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same weights.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda.")] = None,
    validation: Annotated[
        float | None, typer.Option(help="Share of the rows that judges epochs; 0.2 unless set.")
    ] = None,
    test: Annotated[
        float | None, typer.Option(help="Share of the rows for the report alone; 0 unless set.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="random, stratified, ordered, group or column.")
    ] = None,
    split_column: Annotated[
        str | None, typer.Option(help="Column of the groups, or of train, validation and test.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Judge the training by so many folds as well.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Register the model as this.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until it ends.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Upload a table, train a network on it, show how it learns."""
    connection: Connection = context.obj
    with connection.open() as client:
        training: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size}
        if learning_rate is not None:
            training["optimizer"] = {"type": "adam", "learning_rate": learning_rate}
        parts: dict[str, Any] = {"validation": validation, "test": test, "folds": folds}
        parts |= {"method": split, "column": split_column}
        wish: dict[str, Any] = {
            "network": None if network is None else read_network(client, network),
            "features": feature or None,
            "training": _set_only(training) or None,
            "split": _set_only(parts) or None,
            "seed": seed,
            "device": device,
            "model": name,
        }
        dataset_id = _dataset_id(client, file)
        run = client.runs.create(
            dataset_id=dataset_id,
            target=target[0] if len(target) == 1 else target,
            **_set_only(wish),
        )
        if wait:
            run = _watch(client, run, with_curve=not as_json)
    _report(run, as_json=as_json)


def watch(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="Id of a run.")],
    as_json: JsonOption = False,
) -> None:
    """Follow a run to its end; with --json one event a line."""
    connection: Connection = context.obj
    with connection.open() as client:
        if as_json:
            for event in client.runs.events(run):
                write_json(event)
            ended = client.runs.get(run)
            raise typer.Exit(_exit_code(ended))
        ended = _watch(client, client.runs.get(run), with_curve=True)
    _report(ended, as_json=False)


def _watch(client: Client, run: Run, *, with_curve: bool) -> Run:
    news = console(stderr=True)
    try:
        with progress_view(news, format_target(run.target)) as view:
            follow(client.runs.events(run.id), run.spec.training.epochs, view)
    except KeyboardInterrupt:
        tell(f"{run.id} goes on: 'slope watch {run.id}', 'slope runs cancel {run.id}'")
        raise
    if with_curve:
        write("\n".join(learning_curve(client.runs.metrics(run.id, max_points=WIDTH))))
    return client.runs.get(run.id)


def _report(run: Run, *, as_json: bool) -> None:
    if as_json:
        write_json(run)
    else:
        write(run_summary(run))
    raise typer.Exit(_exit_code(run))


def _exit_code(run: Run) -> int:
    return EXIT_RUN_FAILED if run.status in ("failed", "cancelled") else 0


def _dataset_id(client: Client, file: str) -> str:
    path = Path(file)
    if path.is_file():
        return client.datasets.create(path).id
    if file.startswith("ds_"):
        return file
    raise typer.BadParameter(f"no such file: {file}", param_hint="FILE")


def _set_only(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
