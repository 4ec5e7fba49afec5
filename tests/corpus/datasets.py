"""The cases of datasets.yaml, with their files written out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_CASES = Path(__file__).with_name("datasets.yaml")


@dataclass(frozen=True)
class DatasetCase:
    """An upload, and either `refused` or `accepted` as the file describes them."""

    id: str
    content: list[dict[str, Any]]
    encoding: str = "utf-8"
    parse: dict[str, Any] = field(default_factory=dict)
    schema: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    refused: dict[str, Any] = field(default_factory=dict)
    accepted: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return b"".join(self._part(part) * part.get("times", 1) for part in self.content)

    def _part(self, part: dict[str, Any]) -> bytes:
        if "hex" in part:
            return bytes.fromhex(part["hex"])
        text: str = part["text"]
        return text.encode(self.encoding)


def dataset_cases() -> list[DatasetCase]:
    """All cases, in the order of the file."""
    return [DatasetCase(**case) for case in yaml.safe_load(_CASES.read_text(encoding="utf-8"))]
