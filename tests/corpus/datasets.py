"""The cases of datasets.yaml, with their files written out."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

_KINDS = {"decimal": pa.decimal128(30, 2), "binary": pa.binary()}
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
        if "npy" in part:
            return _npy_header(part["npy"], part.get("version", 1), part.get("padding", 0))
        if "parquet" in part:
            return _parquet(part)
        text: str = part["text"]
        return text.encode(self.encoding)


def _npy_header(header: str, version: int, padding: int) -> bytes:
    text = header.encode() + b" " * padding + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text


def _parquet(part: dict[str, Any]) -> bytes:
    arrays = {name: _array(part, name) for name in part["parquet"]}
    copies = part.get("copies", 1)
    names = [f"{name}{n or ''}" for n in range(copies) for name in arrays]
    table = pa.Table.from_arrays(list(arrays.values()) * copies, names=names)
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()[: -part["cut"] if "cut" in part else None]


def _array(part: dict[str, Any], name: str) -> Any:
    values = part["parquet"][name]
    if isinstance(values[0], dict) and "times" in values[0]:
        values = [value["text"] * value["times"] for value in values]
    array = pa.array(values * part.get("rows", 1), None if values else pa.int64())
    kind = part.get("kinds", {}).get(name)
    return array.cast(_KINDS[kind]) if kind else array


def dataset_cases() -> list[DatasetCase]:
    """All cases, in the order of the file."""
    return [DatasetCase(**case) for case in yaml.safe_load(_CASES.read_text(encoding="utf-8"))]
