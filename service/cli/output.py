"""What is written where: results on stdout, people's news on stderr, JSON when asked for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

from service.client import ApiError, AuthenticationError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

JSON_FLAG = "--json"
JsonOption = Annotated[bool, typer.Option(JSON_FLAG, help="Write JSON on stdout.")]

# A pipe or a file has no width: there a line of a table stays one line.
PLAIN_WIDTH = 240

# The most that the service gives at once.
PAGE_SIZE = 500


def console(*, stderr: bool = False) -> Console:
    """Return a console that writes no control codes but to a terminal, and breaks no words."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, width=width, highlight=False)


def write_json(value: Any) -> None:
    """Write one line of JSON on stdout."""
    sys.stdout.write(to_json(value).decode() + "\n")
    sys.stdout.flush()


def write(*renderables: RenderableType) -> None:
    """Write a result for people on stdout; text is never broken, so that it can be copied."""
    console().print(*renderables, soft_wrap=True)


def tell(*renderables: RenderableType) -> None:
    """Write news for people on stderr."""
    console(stderr=True).print(*renderables, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return a table without frames, easily cut and sorted by other programs."""
    result = Table(box=None, pad_edge=False, header_style="bold")
    for n, column in enumerate(columns):
        result.add_column(column, no_wrap=n == 0)
    for row in rows:
        result.add_row(*row)
    return result


def report_error(error: Exception) -> None:
    """Tell what went wrong and, where it is known, the way out."""
    if JSON_FLAG in sys.argv and isinstance(error, ApiError):
        write_json({"error": error.problem})
    elif JSON_FLAG in sys.argv:
        write_json({"error": {"code": type(error).__name__, "detail": str(error)}})
    news = console(stderr=True)
    news.print(f"slope: {error}", style="red", markup=False, soft_wrap=True)
    if isinstance(error, UnreachableError):
        news.print("Start the service with 'slope serve', or say where it is: --url, SLOPE_URL.")
    elif isinstance(error, AuthenticationError):
        news.print("Give a key with --api-key or SLOPE_API_KEY.")
