"""The cases of transport, specs, predictions and traces, with their bodies written out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class RequestCase:
    """A request and the answer it must get. `$NAMES` stand for ids that the test knows."""

    id: str
    status: int
    code: str | None = None
    pointer: str | None = None
    limit: Any = None
    method: str = "POST"
    path: str = "/v1/networks"
    query: str = ""
    headers: dict[str, str | None] = field(default_factory=dict)
    """Beside the usual ones; null leaves one out."""
    key: str = "own"
    content: list[dict[str, Any]] | None = None
    """The parts of the body: {text}, or {hex}; `times` repeats a part."""
    send: Any = None
    """A body to write as JSON."""
    allow: str | None = None
    """What the header Allow must say."""

    def body(self, names: dict[str, str]) -> bytes:
        """Return the body's bytes."""
        if self.content is not None:
            return b"".join(_part(part, names) * part.get("times", 1) for part in self.content)
        if self.send is not None:
            return put_names(json.dumps(self.send), names).encode()
        return b""


def request_cases(name: str) -> list[RequestCase]:
    """Return all cases of a file; those of all but transport.yaml share a beginning."""
    file = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    base = file.get("base", {})
    return [RequestCase(**_complete(base, case)) for case in file["cases"]]


def put_names(text: str, names: dict[str, str]) -> str:
    """Return the text with `$NAMES` replaced."""
    # The longest first: one name may begin with another.
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(f"${name}", names[name])
    return text


def _complete(base: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    whole = {**base, **case}
    wish = whole.pop("wish", None)
    common = whole.pop("common", {})
    if wish is not None:
        whole["send"] = {**common, **wish}
    return whole


def _part(part: dict[str, Any], names: dict[str, str]) -> bytes:
    if "hex" in part:
        return bytes.fromhex(part["hex"])
    return put_names(part["text"], names).encode()
