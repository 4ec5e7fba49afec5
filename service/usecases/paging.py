"""Pages of lists: newest first, from the id that the last page ended with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from service.errors import InvalidRequestError, Problem
from service.ids import has_shape

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from service.ids import Prefix

R = TypeVar("R")

DEFAULT_LIMIT = 50


def newest_first(
    session: Session,
    query: Select[R],
    column: InstrumentedAttribute[Any],
    *,
    prefix: Prefix,
    limit: int,
    after: str | None,
) -> tuple[list[R], str | None]:
    """Return at most `limit` rows older than `after`, and the next page's `after`.

    `column` holds ids of kind `prefix`, which sort by the time they were made.

    Raises:
        InvalidRequestError: `bad_cursor`, `after` is no id of this kind.
    """
    if after is not None:
        if not has_shape(after, prefix):
            detail = "Send the 'next' of the page before."
            raise InvalidRequestError([Problem("/after", "bad_cursor", detail)])
        query = query.where(column < after)
    rows = list(session.scalars(query.order_by(column.desc()).limit(limit + 1)))
    page = rows[:limit]
    is_last = len(rows) <= limit
    return page, None if is_last else str(getattr(page[-1], column.key))
