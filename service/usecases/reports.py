"""What trainings made: models, and the evaluation that each run left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from service.errors import ConflictError, NotBuiltError, NotFoundError, Problem
from service.ids import has_shape
from service.schemas.models import Feature, Model
from service.schemas.reports import Report
from service.schemas.wire import Page
from service.store.tables import ModelRow, RunRow
from service.usecases.paging import DEFAULT_LIMIT, newest_first

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from service.store.db import Sessions

_MAX_VERSION_DIGITS = 9


class Reports:
    """Looks at what is finished."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def list(
        self, project_id: str, *, limit: int = DEFAULT_LIMIT, after: str | None = None
    ) -> Page[Model]:
        """Return models, newest first."""
        query = select(ModelRow).where(ModelRow.project_id == project_id)
        with self._sessions.read() as session:
            rows, following = newest_first(
                session, query, ModelRow.id, prefix="mdl", limit=limit, after=after
            )
            return Page(data=[_model(row) for row in rows], next=following)

    def get(self, project_id: str, ref: str) -> Model:
        """Return a model by id, name (its latest version) or name:version.

        Raises:
            NotFoundError: no such model in this project.
            NotBuiltError: a reference by alias.
        """
        with self._sessions.read() as session:
            return _model(find_model(session, project_id, ref))

    def of_run(self, project_id: str, run_id: str) -> Report:
        """Return the evaluation of a run's model.

        Raises:
            NotFoundError: no such run in this project.
            ConflictError: `no_report`, the run has not ended with a model.
        """
        query = select(RunRow.id, RunRow.report).where(
            RunRow.project_id == project_id, RunRow.id == run_id
        )
        with self._sessions.read() as session:
            row = session.execute(query).first() if has_shape(run_id, "run") else None
        if row is None:
            raise NotFoundError("run")
        if row.report is None:
            raise ConflictError("no_report", "The run has not ended with a model.")
        return Report.model_validate(row.report)


def find_model(session: Session, project_id: str, ref: str) -> ModelRow:
    """Return the row that a reference means.

    Raises:
        NotFoundError: no such model in this project.
        NotBuiltError: a reference by alias.
    """
    if "@" in ref:
        detail = "Aliases are not built yet; name a version instead."
        raise NotBuiltError([Problem("", "not_built", detail)])
    query, parameters = _by_reference(ref)
    row = session.scalar(query, {"project_id": project_id, **parameters})
    if row is None:
        raise NotFoundError("model")
    return row


# Made once: building a statement takes longer than running it, and predictions by name run one.
_MINE = select(ModelRow).where(ModelRow.project_id == bindparam("project_id"))
_BY_ID = _MINE.where(ModelRow.id == bindparam("id"))
_BY_NAME = _MINE.where(ModelRow.name == bindparam("name"))
_LATEST = _BY_NAME.order_by(ModelRow.version.desc()).limit(1)
_BY_VERSION = _BY_NAME.where(ModelRow.version == bindparam("version"))


def _by_reference(ref: str) -> tuple[Select[ModelRow], dict[str, Any]]:
    if has_shape(ref, "mdl"):
        return _BY_ID, {"id": ref}
    name, colon, version = ref.partition(":")
    # PostgreSQL refuses a NUL in a text, and no name holds one.
    if not name or "\0" in name or len(name) > 200:
        raise NotFoundError("model")
    if not colon:
        return _LATEST, {"name": name}
    if not (version.isascii() and version.isdigit()) or len(version) > _MAX_VERSION_DIGITS:
        raise NotFoundError("model")
    return _BY_VERSION, {"name": name, "version": int(version)}


def _model(row: ModelRow) -> Model:
    signature = row.signature
    return Model(
        id=row.id,
        name=row.name,
        version=row.version,
        run_id=row.run_id,
        dataset_id=row.dataset_id,
        target=signature["target"],
        task=signature["task"],
        features=[Feature.model_validate(feature) for feature in signature["features"]],
        classes=signature["classes"],
        parameters=row.parameters,
        bytes=row.bytes,
        sha256=row.sha256,
        metrics=row.metrics,
        created_at=row.created_at,
    )
