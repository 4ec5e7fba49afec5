"""The files that reading is measured on: the same kinds of columns in every format, drawn anew."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_PIECE_ROWS = 50_000
_N_NUMBERS = 20
_SYLLABLES = ("ka", "lo", "mi", "ner", "to", "ves", "ri", "an", "du", "pel", "os", "qui", "ba")
_DAY_US = 86_400_000_000


def write(name: str, path: Path, n_bytes: int) -> None:
    """Write the file of FILES called `name`, of at least `n_bytes`."""
    FILES[name](path, n_bytes)


def numbers(rng: np.random.Generator) -> pa.Table:
    """Twenty columns of numbers, every fourth of them whole."""
    columns: dict[str, Any] = {}
    for place in range(_N_NUMBERS):
        whole = rng.integers(0, 100_000, _PIECE_ROWS)
        fractions = np.round(rng.normal(0.0, 100.0, _PIECE_ROWS), 4)
        columns[f"x{place}"] = fractions if place % 4 else whole
    return pa.table(columns)


def mixed(rng: np.random.Generator) -> pa.Table:
    """A table as people have them: an identifier, levels, numbers, a day, a truth, a free text."""
    n = _PIECE_ROWS
    days = rng.integers(10_000, 20_000, n) * _DAY_US
    columns: dict[str, Any] = {
        "order id": _order_ids(rng),
        "city": _taken(_words(2), rng.zipf(1.5, n) % len(_SYLLABLES) ** 2),
        "channel": _drawn(rng, ["web", "shop", "phone", "partner"]),
        "day": pc.strftime(pa.array(days, pa.timestamp("us")), "%Y-%m-%d"),
        "quantity": rng.integers(1, 40, n),
        "price": pa.array(np.round(rng.lognormal(3.0, 1.0, n), 2), mask=rng.random(n) < 0.05),
        "weight kg": np.round(rng.gamma(2.0, 1.5, n), 3),
        "is returned": rng.random(n) < 0.1,
        "remark": _sentence(rng),
    }
    return pa.table(columns)


def quoted(rng: np.random.Generator) -> pa.Table:
    """Columns of which every text has a quote, a tab or a line end inside."""
    table = mixed(rng)
    remark = pc.replace_substring(table["remark"], " ", ' "', max_replacements=2)
    remark = pc.replace_substring(remark, "ka", "ka\n", max_replacements=1)
    return table.set_column(table.num_columns - 1, "remark", remark)


def _csv(
    draw: Callable[[np.random.Generator], pa.Table],
    delimiter: str = ",",
    quoting: Literal["none", "needed"] = "none",
) -> Callable[[Path, int], None]:
    def write_file(path: Path, n_bytes: int) -> None:
        with path.open("wb") as file:
            for place, table in enumerate(_pieces(draw, file, n_bytes)):
                options = pa_csv.WriteOptions(
                    include_header=place == 0, delimiter=delimiter, quoting_style=quoting
                )
                pa_csv.write_csv(table, file, options)

    return write_file


def _ndjson(path: Path, n_bytes: int) -> None:
    with path.open("wb") as file:
        for table in _pieces(mixed, file, n_bytes):
            file.writelines(orjson.dumps(row) + b"\n" for row in table.to_pylist())


def _json(path: Path, n_bytes: int) -> None:
    with path.open("wb") as file:
        for place, table in enumerate(_pieces(mixed, file, n_bytes)):
            file.write(b"," if place else b"[")
            file.write(orjson.dumps(table.to_pylist())[1:-1])
        file.write(b"]")


def _parquet(path: Path, n_bytes: int) -> None:
    schema = mixed(np.random.default_rng(0)).schema
    with path.open("wb") as file, pq.ParquetWriter(file, schema) as writer:
        for table in _pieces(mixed, file, n_bytes):
            writer.write_table(table)


def _npy(path: Path, n_bytes: int) -> None:
    rng = np.random.default_rng(0)
    np.save(path, rng.normal(size=(n_bytes // (8 * _N_NUMBERS) + 1, _N_NUMBERS)))


FILES: dict[str, Callable[[Path, int], None]] = {
    "numbers.csv": _csv(numbers),
    "mixed.csv": _csv(mixed),
    "quoted.tsv": _csv(quoted, "\t", "needed"),
    "rows.ndjson": _ndjson,
    "rows.json": _json,
    "mixed.parquet": _parquet,
    "numbers.npy": _npy,
}


def _pieces(
    draw: Callable[[np.random.Generator], pa.Table], file: BinaryIO, n_bytes: int
) -> Iterator[pa.Table]:
    """Tables until the file has so many bytes."""
    rng = np.random.default_rng(0)
    while file.tell() < n_bytes:
        yield draw(rng)


def _words(n_syllables: int) -> list[str]:
    """Every word of so many syllables."""
    return ["".join(syllables) for syllables in product(_SYLLABLES, repeat=n_syllables)]


def _drawn(rng: np.random.Generator, texts: list[str]) -> Any:
    return _taken(texts, rng.integers(0, len(texts), _PIECE_ROWS))


def _taken(texts: list[str], places: NDArray[np.int64]) -> Any:
    indices: Any = pa.array(places)
    return pa.array(texts).take(indices)


def _sentence(rng: np.random.Generator) -> Any:
    words: list[Any] = [_drawn(rng, _words(3)) for _ in range(6)]
    return pc.binary_join_element_wise(*words, " ")


def _order_ids(rng: np.random.Generator) -> Any:
    numbers: Any = pa.array(rng.integers(10**7, 10**8, _PIECE_ROWS)).cast(pa.string())
    return pc.binary_join_element_wise(pa.scalar("ORD"), numbers, "-")
