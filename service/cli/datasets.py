"""`slope datasets`: upload, list, look, read columns as other types."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.output import PAGE_SIZE, JsonOption, table, tell, write, write_json
from service.schemas.datasets import Dataset

if TYPE_CHECKING:
    from service.cli.connection import Connection

datasets = typer.Typer(
    help="Upload, list and look at tables, and read their columns as other types.",
    invoke_without_command=True,
)

_TYPES = (
    "numeric, categorical, boolean, datetime, text or ignore; day_first or month_first, of dates "
    "such as 05/01/2024"
)
_DATES = ("day_first", "month_first")
_HEAD = ("DATASET", "NAME", "FORMAT", "ROWS", "COLUMNS", "WARNINGS")


@datasets.callback()
def list_by_default(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the newest datasets, unless told otherwise."""
    if context.invoked_subcommand is None:
        list_datasets(context, as_json=as_json)


@datasets.command("list")
def list_datasets(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Newest so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List datasets, newest first."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = list(islice(client.datasets.list(limit=min(limit, PAGE_SIZE)), limit))
    if as_json:
        write_json(found)
    else:
        write(table(_HEAD, map(_row, found)))


@datasets.command("get")
def get_dataset(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Id.")],
    as_json: JsonOption = False,
) -> None:
    """Show one dataset: its columns, why they have their types, and its warnings."""
    connection: Connection = context.obj
    with connection.open() as client:
        found = client.datasets.get(dataset)
    _show(found, as_json=as_json)


@datasets.command("upload")
def upload_dataset(  # noqa: PLR0913 - one argument for each option of the command line
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV, TSV, JSON, NDJSON, Parquet or NPY file."
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Else the file's.")] = None,
    column_type: Annotated[
        list[str] | None,
        typer.Option("--type", metavar="COLUMN=TYPE", help=f"{_TYPES}; several times."),
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of cells: , ; | or \\t.")] = None,
    quote: Annotated[str | None, typer.Option(help="Around cells.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Such as latin-1.")] = None,
    decimal: Annotated[str | None, typer.Option(help=". or ,")] = None,
    header: Annotated[
        bool, typer.Option("--header/--no-header", help="The first line has names.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Upload a table; what is not said of how to read it is found out."""
    parse = {
        "delimiter": "\t" if delimiter == "\\t" else delimiter,
        "quote": quote,
        "encoding": encoding,
        "decimal": decimal,
        "header": None if header else False,
    }
    said = {option: value for option, value in parse.items() if value is not None}
    schema = dict(_type_of(given) for given in column_type or ())
    connection: Connection = context.obj
    with connection.open() as client:
        found = client.datasets.create(file, name=name, schema=schema or None, parse=said or None)
    _show(found, as_json=as_json)


@datasets.command("derive")
def derive_dataset(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Id.")],
    types: Annotated[
        list[str],
        typer.Argument(
            metavar="COLUMN=TYPE...",
            help=f"{_TYPES}, by column.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Make a new dataset with columns of other types."""
    schema = dict(_type_of(given) for given in types)
    connection: Connection = context.obj
    with connection.open() as client:
        derived = client.datasets.derive(dataset, schema)
    _show(derived, as_json=as_json)


def _type_of(given: str) -> tuple[str, dict[str, str]]:
    # A name may have any character, a type has no equals sign.
    column, mark, kind = given.rpartition("=")
    if not mark or not column:
        detail = f"{given!r} is not written as COLUMN=TYPE"
        raise typer.BadParameter(detail, param_hint="COLUMN=TYPE")
    return column, {"dates" if kind in _DATES else "type": kind}


def _show(dataset: Dataset, *, as_json: bool) -> None:
    if as_json:
        write_json(dataset)
        return
    columns = [(column.name, column.type, column.reason) for column in dataset.columns]
    write(table(_HEAD, [_row(dataset)]), table(("COLUMN", "TYPE", "WHY"), columns))
    for warning in dataset.warnings:
        where = f" {warning.column}:" if warning.column else ""
        tell(f"warning:{where} {warning.detail}")


def _row(dataset: Dataset) -> tuple[str, ...]:
    counts = (dataset.rows, len(dataset.columns), len(dataset.warnings))
    return dataset.id, dataset.name, dataset.format, *map(str, counts)
