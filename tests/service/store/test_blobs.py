"""Blobs: bytes under their digest, whole or not at all."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from service.errors import IntegrityError
from service.ids import new_id
from service.store.blobs import CHUNK_BYTES, Blobs
from service.store.instants import db_now
from service.store.tables import BlobChunkRow, BlobRow, DatasetRow, ProjectRow

if TYPE_CHECKING:
    from service.store.db import Sessions

blobs = Blobs()


def put(sessions: Sessions, data: bytes) -> str:
    with sessions.begin() as session:
        return blobs.put(session, data)


def put_and_fail(sessions: Sessions, data: bytes) -> None:
    with sessions.begin() as session:
        blobs.put(session, data)
        raise LookupError


def dataset(project_id: str, blob_sha256: str) -> DatasetRow:
    return DatasetRow(
        id=new_id("ds"),
        project_id=project_id,
        name="table",
        format="csv",
        sha256="0" * 64,
        bytes=1,
        rows=1,
        profile={},
        blob_sha256=blob_sha256,
    )


def get(sessions: Sessions, sha256: str) -> bytes:
    with sessions.read() as session:
        return blobs.get(session, sha256)


def n_chunks(sessions: Sessions) -> int:
    with sessions.read() as session:
        return session.scalar(select(func.count()).select_from(BlobChunkRow)) or 0


@pytest.mark.parametrize("n_bytes", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES])
def test_what_is_put_comes_back(sessions: Sessions, n_bytes: int) -> None:
    data = b"\x00\xff slope "[:n_bytes] * n_bytes
    data = data[:n_bytes]
    sha256 = put(sessions, data)
    assert sha256 == hashlib.sha256(data).hexdigest()
    assert get(sessions, sha256) == data


@pytest.mark.parametrize("n_bytes", [0, 1, CHUNK_BYTES + 1])
def test_a_file_gets_the_bytes_in_place_of_its_own(sessions: Sessions, n_bytes: int) -> None:
    data = bytes(range(256)) * (n_bytes // 256 + 1)
    sha256 = put(sessions, data[:n_bytes])
    file = BytesIO(b"half of an earlier copy")
    file.seek(5)
    with sessions.read() as session:
        blobs.copy(session, sha256, file)
    assert file.getvalue() == data[:n_bytes]


def test_the_same_bytes_are_kept_once(sessions: Sessions) -> None:
    assert put(sessions, b"weights") == put(sessions, b"weights")
    assert n_chunks(sessions) == 1


def test_an_unknown_digest_is_not_whole(sessions: Sessions) -> None:
    with pytest.raises(IntegrityError):
        get(sessions, "0" * 64)


def test_rotten_bytes_are_not_handed_out_and_mended_by_putting_again(sessions: Sessions) -> None:
    sha256 = put(sessions, b"weights")
    with sessions.begin() as session:
        session.execute(update(BlobChunkRow).values(data=b"weightz"))
    with pytest.raises(IntegrityError, match=sha256):
        get(sessions, sha256)
    with sessions.read() as session, pytest.raises(IntegrityError, match=sha256):
        blobs.copy(session, sha256, BytesIO())
    put(sessions, b"weights")
    assert get(sessions, sha256) == b"weights"


def test_a_transaction_that_fails_leaves_no_blob(sessions: Sessions) -> None:
    with pytest.raises(LookupError):
        put_and_fail(sessions, b"weights")
    assert n_chunks(sessions) == 0


def test_the_sweep_takes_old_blobs_that_nothing_names(sessions: Sessions) -> None:
    named, unnamed = put(sessions, b"named"), put(sessions, b"unnamed")
    with sessions.begin() as session:
        project = ProjectRow(id=new_id("prj"), name="p")
        session.add(project)
        session.flush()
        session.add(dataset(project.id, named))
        session.execute(update(BlobRow).values(put_at=db_now(-100.0)))
    young = put(sessions, b"young")
    with sessions.begin() as session:
        assert blobs.delete_unreferenced(session, older_than_s=50.0) == 1
        assert blobs.exists(session, named)
        assert blobs.exists(session, young)
        assert not blobs.exists(session, unnamed)
    assert n_chunks(sessions) == 2


def test_a_blob_that_is_put_again_is_young_again(sessions: Sessions) -> None:
    put(sessions, b"weights")
    with sessions.begin() as session:
        session.execute(update(BlobRow).values(put_at=db_now(-100.0)))
    put(sessions, b"weights")
    with sessions.begin() as session:
        assert blobs.delete_unreferenced(session, older_than_s=50.0) == 0
