"""Datasets: immutable tables, kept as a profile and a blob."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import TypeAdapter
from sqlalchemy import func, select

from service.errors import ConflictError, InvalidRequestError, NotFoundError, Problem
from service.ids import has_shape, new_id
from service.schemas.datasets import Column, Dataset, DatasetFormat, DatasetRows, DataWarning
from service.schemas.wire import Page
from service.store.instants import db_now
from service.store.tables import BlobRow, DatasetRow, RunRow
from service.store.tables.runs import TERMINAL_STATUSES
from service.usecases.deriving import StoredTable
from service.usecases.idempotency import fulfil
from service.usecases.paging import DEFAULT_LIMIT, newest_first
from workers.tabular.parquet import preview
from workers.tabular.profile import TableProfile

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from service.settings import Limits
    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.idempotency import IdempotencyClaim
    from service.usecases.parsing import ParsedUpload


class Datasets:
    """A user's moves with tables."""

    def __init__(self, sessions: Sessions, blobs: Blobs, limits: Limits) -> None:
        self._sessions = sessions
        self._blobs = blobs
        self._limits = limits

    def create(
        self,
        project_id: str,
        parsed: ParsedUpload,
        name: str,
        *,
        parent_id: str | None = None,
        idempotency: IdempotencyClaim | None = None,
    ) -> Dataset:
        """Keep a table that was read, or read again from that of a parent.

        Raises:
            InvalidRequestError: `storage_quota`, the project holds too much already.
        """
        with self._sessions.begin() as session:
            self._check_quota(session, project_id, len(parsed.parquet))
            row = DatasetRow(
                id=new_id("ds"),
                project_id=project_id,
                name=name,
                format=parsed.profile.format,
                sha256=parsed.sha256,
                bytes=parsed.n_bytes,
                rows=parsed.profile.rows,
                profile=parsed.profile.to_json(),
                parent_id=parent_id,
                blob_sha256=self._blobs.put(session, parsed.parquet),
            )
            session.add(row)
            session.flush()
            session.refresh(row)
            dataset = _dataset(row)
            location = f"/v1/datasets/{row.id}"
            fulfil(session, idempotency, status=201, resource=dataset, location=location)
            return dataset

    def get(self, project_id: str, dataset_id: str) -> Dataset:
        """Return a dataset.

        Raises:
            NotFoundError: no such dataset in this project.
        """
        with self._sessions.read() as session:
            return _dataset(_find(session, project_id, dataset_id))

    def list(
        self, project_id: str, *, limit: int = DEFAULT_LIMIT, after: str | None = None
    ) -> Page[Dataset]:
        """Return datasets, newest first."""
        with self._sessions.read() as session:
            rows, following = newest_first(
                session, _mine(project_id), DatasetRow.id, prefix="ds", limit=limit, after=after
            )
            return Page(data=[_dataset(row) for row in rows], next=following)

    def stored(self, project_id: str, dataset_id: str) -> StoredTable:
        """Return a dataset with its typed Parquet, to derive another from.

        Raises:
            NotFoundError: no such dataset in this project.
        """
        with self._sessions.read() as session:
            row = _find(session, project_id, dataset_id)
            if row.blob_sha256 is None:
                raise NotFoundError("dataset")
            parquet = self._blobs.get(session, row.blob_sha256)
            profile = TableProfile.from_json(row.profile)
            return StoredTable(row.name, row.sha256, row.bytes, profile, parquet)

    def rows(self, project_id: str, dataset_id: str, *, offset: int, limit: int) -> DatasetRows:
        """Return at most `limit` rows from `offset`, in the table's order.

        Of a wide table fewer, so that one answer cannot hold all its cells: at least one.

        Raises:
            NotFoundError: no such dataset in this project.
        """
        with self._sessions.read() as session:
            row = _find(session, project_id, dataset_id)
            if row.blob_sha256 is None:
                raise NotFoundError("dataset")
            parquet = self._blobs.get(session, row.blob_sha256)
        n_rows = max(1, self._limits.rows_cells // len(row.profile["columns"]))
        window = preview(parquet, offset, min(limit, n_rows))
        return DatasetRows(offset=offset, rows=window, total=row.rows)

    def delete(self, project_id: str, dataset_id: str) -> None:
        """Delete a dataset; what was trained on it stays.

        Raises:
            NotFoundError: no such dataset in this project.
            ConflictError: `dataset_in_use`, a run that has not ended needs it.
        """
        with self._sessions.begin() as session:
            # Locked, so that no run begins on it between the look and the deletion.
            row = _find(session, project_id, dataset_id, lock=True)
            running = select(RunRow.id).where(
                RunRow.project_id == project_id,
                RunRow.dataset_id == dataset_id,
                RunRow.status.not_in(TERMINAL_STATUSES),
            )
            if session.scalar(running.limit(1)) is not None:
                raise ConflictError("dataset_in_use", "A run that has not ended needs it.")
            row.deleted_at = session.scalar(select(db_now()))
            row.blob_sha256 = None

    def _check_quota(self, session: Session, project_id: str, n_bytes: int) -> None:
        held = select(func.coalesce(func.sum(BlobRow.bytes), 0)).where(
            BlobRow.sha256 == DatasetRow.blob_sha256, DatasetRow.project_id == project_id
        )
        limit = self._limits.storage_bytes
        if session.scalars(held).one() + n_bytes > limit:
            detail = "The project's datasets would take too much; delete some first."
            raise InvalidRequestError([Problem("/file", "storage_quota", detail, limit)])


def _mine(project_id: str) -> Select[DatasetRow]:
    return select(DatasetRow).where(
        DatasetRow.project_id == project_id, DatasetRow.deleted_at.is_(None)
    )


def _find(session: Session, project_id: str, dataset_id: str, *, lock: bool = False) -> DatasetRow:
    if not has_shape(dataset_id, "ds"):
        raise NotFoundError("dataset")
    query = _mine(project_id).where(DatasetRow.id == dataset_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFoundError("dataset")
    return row


def _dataset(row: DatasetRow) -> Dataset:
    return Dataset(
        id=row.id,
        name=row.name,
        format=TypeAdapter(DatasetFormat).validate_python(row.format),
        sha256=row.sha256,
        bytes=row.bytes,
        rows=row.rows,
        columns=[Column.model_validate(column) for column in row.profile["columns"]],
        warnings=[DataWarning.model_validate(warning) for warning in row.profile["warnings"]],
        parent_id=row.parent_id,
        created_at=row.created_at,
    )
