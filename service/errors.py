"""The one tree of errors; HTTP statuses are in a table of the API, not here.

SlopeError
├── InvalidRequestError        what was sent cannot be used: pointers, codes, limits
│   ├── MalformedBodyError     not JSON of our strict kind
│   ├── MalformedParameterError  a header or query parameter that is not well formed
│   ├── NotBuiltError          a part of the contract that this version does not have yet
│   ├── UnsupportedMediaError  a content type or encoding that is not accepted
│   └── TooLargeError          a body over its limit
├── UnauthenticatedError       no key, or none that is valid
├── ForbiddenError             a valid key without the scope
├── NotFoundError              unknown, or another project's: the same answer
├── ConflictError              the state of the thing forbids the move
├── QuotaExceededError         too much, too often: try later
├── UnavailableError           the database or another part is away: try later
├── LeaseLostError             the fence has moved on: stop without writing
└── IntegrityError             stored bytes do not have their digest
    ├── CheckpointCorruptError  a stored checkpoint is not what was saved
    └── ModelCorruptError      a stored model cannot be read as what it was
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PROBLEMS = 20


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request: where (RFC 6901 pointer), what, and the limit it broke."""

    pointer: str
    code: str
    detail: str
    limit: int | float | str | None = None


class SlopeError(Exception):
    """Root of the tree; `code` is for programs, `detail` for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class InvalidRequestError(SlopeError):
    """What was sent cannot be used; carries every problem found, at most `MAX_PROBLEMS`."""

    def __init__(self, problems: Sequence[Problem], code: str | None = None) -> None:
        first = problems[0]
        super().__init__(code or first.code, first.detail)
        self.problems = tuple(problems[:MAX_PROBLEMS])


class MalformedBodyError(InvalidRequestError):
    """The body is not JSON of our strict kind."""


class MalformedParameterError(InvalidRequestError):
    """A header or query parameter that is not well formed."""


class NotBuiltError(InvalidRequestError):
    """A part of the contract that this version does not have yet."""


class UnsupportedMediaError(InvalidRequestError):
    """A content type or encoding that is not accepted."""


class TooLargeError(InvalidRequestError):
    """A body over its limit."""


class UnauthenticatedError(SlopeError):
    """No key, or none that is valid; never says which."""

    def __init__(self) -> None:
        super().__init__(
            "unauthenticated", "Send a valid key as 'Authorization: Bearer slope_...'."
        )


class ForbiddenError(SlopeError):
    """A valid key without the scope."""

    def __init__(self, scope: str) -> None:
        super().__init__("forbidden", f"This key lacks the scope '{scope}'.")


class NotFoundError(SlopeError):
    """Unknown, or another project's: the same answer, so that ids cannot be probed."""

    def __init__(self, kind: str) -> None:
        super().__init__("not_found", f"There is no such {kind}.")


class ConflictError(SlopeError):
    """The state of the thing forbids the move."""


class QuotaExceededError(SlopeError):
    """Too much, or too often; `retry_after_s` says when to come back."""

    def __init__(self, code: str, detail: str, *, retry_after_s: float) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class UnavailableError(SlopeError):
    """The database or another part is away; `retry_after_s` says when to come back."""

    def __init__(self, part: str, *, retry_after_s: float = 2.0) -> None:
        super().__init__("unavailable", f"The {part} does not answer at present.")
        self.retry_after_s = retry_after_s


class LeaseLostError(SlopeError):
    """The fence has moved on: another attempt owns the run, so stop without writing."""

    def __init__(self, run_id: str, fence: int) -> None:
        super().__init__("lease_lost", f"Fence {fence} of {run_id} is no longer the current one.")


class IntegrityError(SlopeError):
    """Stored bytes do not have the digest they are stored under."""

    def __init__(self, digest: str) -> None:
        super().__init__("corrupt_blob", f"The stored bytes of {digest} have another digest.")


class CheckpointCorruptError(IntegrityError):
    """A stored checkpoint is not what was saved: no weights are better than wrong ones."""

    def __init__(self, digest: str) -> None:
        super().__init__(digest)
        self.code = "checkpoint_corrupt"


class ModelCorruptError(IntegrityError):
    """A stored model cannot be read as what it was: no prediction is better than a wrong one."""

    def __init__(self, digest: str) -> None:
        super().__init__(digest)
        self.code = "model_corrupt"
