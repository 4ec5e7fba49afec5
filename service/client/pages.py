"""Lists that fetch their next page by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from service.client.request import get

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.client.transport import Transport
    from service.schemas.wire import Page

T = TypeVar("T")


class Listing(Generic[T]):
    """Everything in a list, newest first; iterating asks for a page at a time.

    Every iteration starts anew, so that it sees what has been added since.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        page: type[Page[T]],
        **filters: str | int | None,
    ) -> None:
        self._transport = transport
        self._path = path
        self._page = page
        self._filters = filters

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.data

    def pages(self) -> Iterator[Page[T]]:
        """Iterate over the pages themselves."""
        after = None
        while True:
            page = self._transport.read(get(self._path, **self._filters, after=after), self._page)
            yield page
            if page.next is None:
                return
            after = page.next
