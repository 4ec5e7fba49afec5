"""Blobs: bytes under the SHA-256 of their content, kept in the database in chunks.

In the database, so that weights become visible together with the state that names them and
several machines need no shared volume.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, insert, select, update

from service.errors import IntegrityError
from service.store.db import upsert
from service.store.instants import db_now
from service.store.tables import BlobChunkRow, BlobRow, CheckpointRow, DatasetRow, ModelRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from sqlalchemy.orm import Session

CHUNK_BYTES = 4 * 2**20

_REFERENCES = (
    DatasetRow.blob_sha256,
    ModelRow.sha256,
    CheckpointRow.state_sha256,
    CheckpointRow.weights_sha256,
)


class Blobs:
    """Puts and gets blobs within the caller's transaction."""

    def put(self, session: Session, data: bytes) -> str:
        """Store `data` unless it is there already; return its digest.

        A blob whose stored bytes have rotted is mended by being put again.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        row = {"sha256": sha256, "bytes": len(data), "put_at": db_now()}
        # Touching the row that is there already locks it against a sweep that runs now.
        session.execute(
            upsert(session, BlobRow)
            .values(row)
            .on_conflict_do_update(index_elements=["sha256"], set_={"put_at": db_now()})
        )
        if not _is_intact(session, sha256):
            session.execute(delete(BlobChunkRow).where(BlobChunkRow.sha256 == sha256))
            _write_chunks(session, sha256, data)
        return sha256

    def keep(self, session: Session, sha256: str) -> bool:
        """Keep a blob from any sweep until it is named as well; tell whether it is still there."""
        touched = update(BlobRow).where(BlobRow.sha256 == sha256).values(put_at=db_now())
        return session.execute(touched.returning(BlobRow.sha256)).first() is not None

    def get(self, session: Session, sha256: str) -> bytes:
        """Return a blob whole.

        Raises:
            IntegrityError: it is not there, or its bytes do not have this digest.
        """
        data = b"".join(_chunks(session, sha256))
        if hashlib.sha256(data).hexdigest() != sha256:
            raise IntegrityError(sha256)
        return data

    def copy(self, session: Session, sha256: str, file: IO[bytes]) -> None:
        """Write a blob into a file, in place of what is there; a chunk of it is in memory.

        Raises:
            IntegrityError: as `get`.
        """
        file.seek(0)
        file.truncate()
        digest = hashlib.sha256()
        for chunk in _chunks(session, sha256):
            digest.update(chunk)
            file.write(chunk)
        if digest.hexdigest() != sha256:
            raise IntegrityError(sha256)

    def exists(self, session: Session, sha256: str) -> bool:
        """Tell whether a blob is there."""
        return session.get(BlobRow, sha256) is not None

    def delete_unreferenced(self, session: Session, older_than_s: float) -> int:
        """Delete blobs that nothing names; return how many.

        Young ones stay: the transaction that will name them may still be under way.
        """
        unnamed = [~exists().where(column == BlobRow.sha256) for column in _REFERENCES]
        old = BlobRow.put_at < db_now(-older_than_s)
        gone = session.execute(delete(BlobRow).where(old, *unnamed).returning(BlobRow.sha256))
        return len(gone.all())


def _chunks(session: Session, sha256: str) -> Iterator[bytes]:
    ordered = select(BlobChunkRow.data).where(BlobChunkRow.sha256 == sha256)
    # One at a time: the driver would otherwise hold the whole blob twice.
    yield from session.scalars(ordered.order_by(BlobChunkRow.seq).execution_options(yield_per=1))


def _is_intact(session: Session, sha256: str) -> bool:
    digest = hashlib.sha256()
    for chunk in _chunks(session, sha256):
        digest.update(chunk)
    return digest.hexdigest() == sha256


def _write_chunks(session: Session, sha256: str, data: bytes) -> None:
    view = memoryview(data)
    # An empty blob has one empty chunk: no chunk at all means one that is not whole.
    for seq, start in enumerate(range(0, max(len(data), 1), CHUNK_BYTES)):
        chunk = bytes(view[start : start + CHUNK_BYTES])
        session.execute(insert(BlobChunkRow).values(sha256=sha256, seq=seq, data=chunk))
