"""The network as a command-line option."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer
from pydantic_core import from_json

from service.schemas.runs import Recipe

if TYPE_CHECKING:
    from service.client import Client

HELP = (
    "auto, linear, mlp, realmlp or tabm; hidden units such as 64,32; JSON such as '[]' or "
    "'{\"layers\": [...]}'; a JSON file; the id or the name of a stored network."
)


def read_network(client: Client, text: str) -> Any:
    """Return what a run takes as its network.

    Raises:
        typer.BadParameter: JSON that cannot be read, or a name that no network has.
    """
    if text in get_args(Recipe) or text.startswith("net_"):
        return text
    if text.startswith(("{", "[")):
        return _from_json(text)
    if text.replace(",", "").isdigit():
        return {"layers": [{"type": "dense", "units": int(u)} for u in text.split(",") if u]}
    path = Path(text)
    if path.is_file():
        return _from_json(path.read_text(encoding="utf-8"))
    for network in client.networks.list():
        if network.name == text:
            return network.id
    raise typer.BadParameter(
        f"{text!r} is neither a network's name nor a file", param_hint="--network"
    )


def _from_json(text: str) -> Any:
    try:
        value = from_json(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--network") from error
    return {"layers": value} if isinstance(value, list) else value
