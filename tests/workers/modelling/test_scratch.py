from __future__ import annotations

import errno
import os
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.workers.modelling.tables import PENGUINS, ingested
from workers.engine.spec import EmbeddingSpec, NetworkSpec
from workers.engine.training import TrainingState, train
from workers.modelling.estimator import prepare
from workers.modelling.plan import ModelWish
from workers.modelling.recipes import resolve
from workers.modelling.scratch import MAPPED_MATRIX_BYTES, Scratch

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

FLOAT = np.dtype(np.float32)


def mapped(array: np.ndarray) -> bool:
    """Whether the numbers lie in a file."""
    base: object = array
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    return isinstance(base, np.memmap)


def test_a_matrix_above_the_bound_lies_in_a_file(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, mapped_bytes=4000)
    small, large = scratch.matrix((10, 100), FLOAT), scratch.matrix((10, 101), FLOAT)
    assert (mapped(small), mapped(large)) == (False, True)
    large[...] = 1.5
    assert large.sum() == 1.5 * large.size
    assert (large.shape, large.dtype, large.flags.c_contiguous) == ((10, 101), FLOAT, True)
    # Slices of a memmap are several times slower than an array's.
    assert type(large) is np.ndarray


def test_the_file_has_no_name_and_takes_its_room_at_once(tmp_path: Path) -> None:
    large = Scratch(tmp_path, mapped_bytes=0).matrix((1000, 1000), FLOAT)
    assert list(tmp_path.iterdir()) == []
    large[0] = 1.0
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_everything_is_in_memory() -> None:
    assert not mapped(Scratch().matrix((MAPPED_MATRIX_BYTES // 4 + 1,), FLOAT))


def test_without_room_there_is_an_error_and_no_crash(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    with pytest.raises(MemoryError, match="no room"):
        scratch.matrix((2**44,), FLOAT)


def test_a_disk_that_is_full_is_told_from_other_troubles(tmp_path: Path) -> None:
    def full(_file: IO[bytes]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def gone(_file: IO[bytes]) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(MemoryError, match="no room"):
        Scratch(tmp_path).table(full)
    with pytest.raises(OSError, match="Input/output"):
        Scratch(tmp_path).table(gone)


def stored(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=100)
    return bytes(sink.getvalue())


def test_a_run_in_a_file_has_the_bits_of_one_in_memory(tmp_path: Path) -> None:
    data = ingested(PENGUINS)
    network = NetworkSpec(embeddings=(EmbeddingSpec(column="island", dimension=2),))
    wish = ModelWish(target="species", network=network, training={"epochs": 3})
    plan = resolve(wish, data.profile)
    content = stored(data.table)
    found = []
    for scratch in (Scratch(), Scratch(tmp_path, mapped_bytes=0)):
        table = scratch.table(lambda file: file.write(content))
        assert (table.column("year").num_chunks == 1) == (scratch.matrix((1,), FLOAT).base is None)
        prepared = prepare(table, plan, scratch)
        state = TrainingState.initial(prepared.network, plan.training, plan.seed)
        for _ in train(prepared.network, state, prepared.data, plan.training, plan.seed):
            pass
        found.append(state.parameters.tobytes())
        assert mapped(prepared.data.X) == (scratch.matrix((1,), FLOAT).base is not None)
    assert found[0] == found[1]


PEAK = dedent("""
    import resource, sys
    import numpy as np
    from pathlib import Path
    from workers.modelling.scratch import Scratch

    def anonymous():
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(x.split()[1]) for x in lines if x.startswith("RssAnon:"))

    before = anonymous()
    X = Scratch(Path(sys.argv[1]), mapped_bytes=0).matrix((100_000, 100), np.dtype(np.float32))
    X[...] = 1.0
    batch = np.empty((256, 100), np.float32)
    rows = np.random.default_rng(0).permutation(100_000)
    for start in range(0, 99_000, 256):
        np.take(X, rows[start : start + 256], axis=0, out=batch[: len(rows[start : start + 256])])
    sys.stdout.write(str(anonymous() - before))
""")


def test_a_mapped_matrix_takes_no_memory_that_could_not_be_given_back(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    # The matrix has 40 MB; what is left is the batch, the order and NumPy's own.
    assert int(result.stdout) < 8e6
