"""`slope serve`: the embedded service in the foreground."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder of everything kept.")] = None,
) -> None:
    """Serve on this machine until Ctrl-C."""
    chosen = {"SLOPE_HOST": host, "SLOPE_PORT": port, "SLOPE_STATE_DIR": state_dir}
    environ = dict(os.environ) | {
        name: str(value) for name, value in chosen.items() if value is not None
    }
    # The supervisor becomes this process, so that signals and the terminal are its own.
    os.execve(  # noqa: S606
        sys.executable, [sys.executable, "-m", "service.supervisor"], environ
    )
