"""Pages of lists: how many, and from where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from service.errors import InvalidRequestError, MalformedParameterError, Problem
from service.ids import Prefix, has_shape

if TYPE_CHECKING:
    from service.settings import Limits


class PageQuery(BaseModel):
    """The part of a list that is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(50, ge=1, description="How many; at most 500 unless set otherwise.")
    after: str | None = Field(None, description="The `next` of the page before.")

    def checked(self, prefix: Prefix, limits: Limits) -> PageQuery:
        """Return the query itself.

        Raises:
            InvalidRequestError: a page larger than the service gives.
            MalformedParameterError: a cursor that this list never gave.
        """
        check_page_size(self.limit, limits)
        if self.after is not None and not has_shape(self.after, prefix):
            raise bad_cursor()
        return self


Paged = Annotated[PageQuery, Query()]


def check_page_size(limit: int, limits: Limits) -> None:
    """Refuse a page larger than the service gives.

    Raises:
        InvalidRequestError: `out_of_range`.
    """
    if limit > limits.page_size:
        detail = f"A page has at most {limits.page_size} rows."
        raise InvalidRequestError([Problem("/limit", "out_of_range", detail, limits.page_size)])


def bad_cursor() -> MalformedParameterError:
    """Return the error of a cursor that the list never gave."""
    detail = "Send the 'next' of the page before."
    return MalformedParameterError([Problem("/after", "bad_cursor", detail)])
