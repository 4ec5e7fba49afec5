"""Predictions: a stored model, found, loaded and asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.errors import (
    IntegrityError,
    InvalidRequestError,
    ModelCorruptError,
    Problem,
    UnsupportedMediaError,
)
from service.usecases.model_cache import LoadedModel
from service.usecases.reports import find_model
from workers.modelling.codec import CodecError, model_from_bytes
from workers.modelling.fitted import NonFiniteOutputError, PredictionInputError
from workers.tabular.csv_rows import prediction_rows
from workers.tabular.errors import TableError
from workers.tabular.npy_in import npy_layout, npy_rows
from workers.tabular.options import IngestOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from service.settings import Limits
    from service.store.blobs import Blobs
    from service.store.db import Sessions
    from service.usecases.model_cache import ModelCache
    from workers.modelling.fitted import Predictions as Answers

_MAX_POINTER = 200


class Predictions:
    """Finds models and asks them."""

    def __init__(self, sessions: Sessions, blobs: Blobs, cache: ModelCache, limits: Limits) -> None:
        self._sessions = sessions
        self._blobs = blobs
        self._cache = cache
        self._limits = limits

    def recall(self, project_id: str, ref: str) -> LoadedModel | None:
        """Return a model that needs no look at the database, or None."""
        return self._cache.recall(project_id, ref)

    def find(self, project_id: str, ref: str) -> LoadedModel:
        """Return a model by id, name (its latest version) or name:version.

        Raises:
            NotFoundError: no such model in this project.
            ModelCorruptError: its stored bytes are not what was stored.
        """
        with self._sessions.read() as session:
            row = find_model(session, project_id, ref)
            loaded = self._cache.get(project_id, row.id)
            try:
                data = b"" if loaded else self._blobs.get(session, row.sha256)
            except IntegrityError as error:
                raise ModelCorruptError(row.sha256) from error
        if loaded is None:
            loaded = LoadedModel(row.id, _decoded(data, row.sha256), len(data))
            self._cache.put(project_id, loaded)
        self._cache.remember(project_id, ref, row.id)
        return loaded

    def answer(self, model: LoadedModel, request: dict[str, Any]) -> Answers:
        """Return predictions for `rows` or `inputs` of a request.

        Raises:
            InvalidRequestError: everything that is wrong with the rows; a non-finite output.
        """
        kind, rows = _rows_of(request)
        _check_rows(kind, rows, self._limits)
        fitted = model.fitted
        predict = fitted.predict_rows if kind == "rows" else fitted.predict_inputs
        return _asked(predict, rows, f"/{kind}")

    def answer_csv(self, model: LoadedModel, body: bytes) -> Answers:
        """Return predictions for the rows of a CSV body; raises as `answer` does."""
        try:
            options = IngestOptions.from_plain(model.fitted.reading)
            columns = prediction_rows(body, options)
        except TableError as error:
            raise _refused(error) from None
        n_rows = max((len(column) for column in columns.values()), default=0)
        _check_count("", n_rows, n_rows * len(columns), self._limits)
        return _asked(model.fitted.predict_columns, columns, "/rows")

    def answer_npy(self, model: LoadedModel, body: bytes) -> Answers:
        """Return predictions for the rows of an NPY array; raises as `answer` does."""
        try:
            layout = npy_layout(body, len(body))
            _check_count("", layout.rows, layout.rows * layout.columns, self._limits)
            rows = npy_rows(body)
        except TableError as error:
            raise _refused(error) from None
        return _asked(model.fitted.predict_inputs, rows, "/inputs")


def _refused(error: TableError) -> InvalidRequestError:
    detail = f"{error.detail[:1].upper()}{error.detail[1:]}."
    problem = Problem("", error.code, detail, error.limit)
    if error.code in ("content_sniff", "pickle_forbidden"):
        return UnsupportedMediaError([problem])
    return InvalidRequestError([problem])


def _decoded(data: bytes, sha256: str) -> Any:
    try:
        return model_from_bytes(data)
    except CodecError as error:
        raise ModelCorruptError(sha256) from error


def _asked(predict: Callable[[Any], Answers], rows: Any, pointer: str) -> Answers:
    try:
        return predict(rows)
    except PredictionInputError as error:
        raise InvalidRequestError(
            [Problem(_bounded(p.pointer), p.code, p.detail, p.limit) for p in error.problems]
        ) from None
    except NonFiniteOutputError as error:
        detail = "The model's output for this row is not a finite number."
        raise InvalidRequestError(
            [Problem(f"{pointer}/{error.row}", "nonfinite_output", detail)]
        ) from None


def _bounded(pointer: str) -> str:
    # A pointer may end with a name that the client made up, of any length and kind.
    is_fine = len(pointer) <= _MAX_POINTER and pointer.isprintable()
    return pointer if is_fine else "/".join(pointer.split("/")[:3])


def _rows_of(request: dict[str, Any]) -> tuple[str, Sequence[Any]]:
    problems = [
        Problem(f"/{name}"[:_MAX_POINTER], "extra_forbidden", "There is no such field.")
        for name in request
        if name not in ("rows", "inputs") and name.isprintable()
    ]
    given = [name for name in ("rows", "inputs") if request.get(name) is not None]
    if len(given) != 1:
        problems.append(Problem("", "rows_missing", "Send either 'rows' or 'inputs'."))
    elif not isinstance(request[given[0]], list):
        problems.append(Problem(f"/{given[0]}", "array_expected", "Send an array."))
    if problems:
        raise InvalidRequestError(problems)
    return given[0], request[given[0]]


def _check_rows(kind: str, rows: Sequence[Any], limits: Limits) -> None:
    expected = dict if kind == "rows" else list
    wrong = [index for index, row in enumerate(rows) if type(row) is not expected]
    if wrong:
        code, word = (
            ("object_expected", "an object")
            if kind == "rows"
            else (
                "array_expected",
                "an array",
            )
        )
        raise InvalidRequestError(
            [Problem(f"/{kind}/{index}", code, f"Send {word}.") for index in wrong[:20]]
        )
    _check_count(f"/{kind}", len(rows), sum(map(len, rows)), limits)


def _check_count(pointer: str, n_rows: int, n_cells: int, limits: Limits) -> None:
    if n_rows < 1:
        raise InvalidRequestError([Problem(pointer, "rows_empty", "Send at least one row.", 1)])
    if n_rows > limits.predict_rows:
        detail = "The request has too many rows."
        raise InvalidRequestError([Problem(pointer, "rows_count", detail, limits.predict_rows)])
    if n_cells > limits.predict_cells:
        detail = "The request has too many cells."
        raise InvalidRequestError([Problem(pointer, "rows_cells", detail, limits.predict_cells)])
