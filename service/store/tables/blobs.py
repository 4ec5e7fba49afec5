"""Bytes under the digest of their content, in chunks."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from service.store.tables.base import Base, CreatedAt, Digest


class BlobRow(Base):
    """A blob; it is there when this row is there."""

    __tablename__ = "blobs"

    sha256: Mapped[Digest] = mapped_column(primary_key=True)
    bytes: Mapped[int] = mapped_column(BigInteger)
    put_at: Mapped[CreatedAt]
    """When it was put last; what is young is not swept though nothing names it yet."""


class BlobChunkRow(Base):
    """One piece of a blob's content."""

    __tablename__ = "blob_chunks"

    sha256: Mapped[Digest] = mapped_column(
        ForeignKey("blobs.sha256", ondelete="CASCADE"), primary_key=True
    )
    seq: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
