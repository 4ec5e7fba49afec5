"""The operator's door, on the database itself: migrations, keys, projects, backups."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.errors import SlopeError
from service.processes import FolderError, make_state_dir, own_state_dir
from service.settings import SettingsError, load_settings
from service.store.backup import BackupError, back_up
from service.store.backup import restore as restore_backup
from service.store.db import Sessions, make_engine
from service.store.migrate import upgrade
from service.usecases.projects import Projects, new_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.settings import Settings

FIRST_PROJECT = "default"

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
keys = typer.Typer(no_args_is_help=True, help="Keys of the API.")
app.add_typer(keys, name="keys")
projects = typer.Typer(no_args_is_help=True, help="Projects and what they may take.")
app.add_typer(projects, name="projects")


@app.command()
def migrate(
    first_key: Annotated[
        Path | None,
        typer.Option(help="Also let the key in this file open project 'default'; made if missing."),
    ] = None,
) -> None:
    """Bring the database to the tables of this version."""
    with _refusals():
        settings, _ = load_settings(os.environ)
        upgrade(settings.resolved_database_url)
        if first_key is not None:
            _projects().adopt_key(FIRST_PROJECT, _kept_secret(first_key))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where it goes; nothing may be there.")],
) -> None:
    """Copy the embedded database as it is at one moment; the service may go on."""
    with _refusals():
        settings, _ = load_settings(os.environ)
        back_up(_embedded_database(settings), file)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` wrote.")],
) -> None:
    """Make a backup the database of a state folder that has none and serves nobody."""
    with _refusals():
        settings, limits = load_settings(os.environ)
        database = _embedded_database(settings)
        make_state_dir(settings.state_dir)
        # Let go of by the kernel when this process ends.
        own_state_dir(settings.state_dir)
        restore_backup(file, database, run_seconds=limits.run_seconds)


@keys.command()
def create(
    project: Annotated[str, typer.Option(help="The project the key opens; made if missing.")],
    scopes: Annotated[str, typer.Option(help="What it may do, comma-separated.")] = "read,write",
    secret_file: Annotated[
        Path | None,
        typer.Option(help="Adopt the key in this file instead of making one."),
    ] = None,
) -> None:
    """Make a key and print it: the only time it can be read."""
    with _refusals():
        wanted = [scope.strip() for scope in scopes.split(",")]
        if secret_file is not None:
            key_id = _projects().adopt_key(project, secret_file.read_text().strip(), wanted)
            typer.echo(key_id)
        else:
            typer.echo(_projects().create_key(project, wanted)[1])


@keys.command()
def generate() -> None:
    """Print a fresh key that opens nothing yet, for a secret file."""
    typer.echo(new_secret())


@keys.command("list")
def list_keys() -> None:
    """Print every key's id, beginning, project, scopes and validity, oldest first."""
    with _refusals():
        for key in _projects().all_keys():
            validity = f"revoked {key.revoked_at:%Y-%m-%dT%H:%MZ}" if key.revoked_at else "valid"
            cells = (key.id, f"{key.beginning}...", key.project, ",".join(key.scopes), validity)
            typer.echo("  ".join(cells))


@keys.command()
def revoke(
    key: Annotated[str, typer.Argument(help="Its id (key_01k...), its beginning, or all of it.")],
) -> None:
    """End a key's validity; the API takes notice within 5 seconds."""
    with _refusals():
        typer.echo(_projects().revoke(key))


@projects.command()
def limit(
    name: Annotated[str, typer.Argument(help="The project.")],
    running: Annotated[
        int | None,
        typer.Option(help="Runs that train at once; SLOPE_LIMIT_RUNS_RUNNING if left out."),
    ] = None,
) -> None:
    """Set how many runs of a project train at once; for runs that start from now on."""
    with _refusals():
        _projects().limit(name, running)


@projects.command("list")
def list_projects() -> None:
    """Print every project's name and how many of its runs train at once, by name."""
    with _refusals():
        _, limits = load_settings(os.environ)
        for name, running in _projects().limits():
            own = f"{limits.runs_running} (the service's)" if running is None else f"{running}"
            typer.echo(f"{name}  {own}")


def _embedded_database(settings: Settings) -> Path:
    if settings.database_url is not None:
        raise BackupError(
            "SLOPE_DATABASE_URL is set: that database has tools of its own (pg_dump, pg_restore)"
        )
    return settings.embedded_database


def _projects() -> Projects:
    settings, _ = load_settings(os.environ)
    return Projects(Sessions(make_engine(settings.resolved_database_url, pool_size=1)))


def _kept_secret(file: Path) -> str:
    """Return the key in a file. One that is made appears whole, readable by its owner alone."""
    if not file.exists():
        descriptor, draft = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{new_secret()}\n")
        Path(draft).replace(file)
    return file.read_text().strip()


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except (SettingsError, SlopeError, FolderError, BackupError, OSError) as error:
        typer.echo(f"slope: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    app()
