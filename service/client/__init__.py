"""A typed client of the HTTP API: `Client`, its resources and its errors."""

from service.client.client import Client
from service.client.errors import (
    ApiError,
    AuthenticationError,
    ClientError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    UnexpectedAnswerError,
    UnreachableError,
    WaitTimeoutError,
)

__all__ = [
    "ApiError",
    "AuthenticationError",
    "Client",
    "ClientError",
    "ConflictError",
    "InvalidRequestError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitedError",
    "ServerError",
    "UnexpectedAnswerError",
    "UnreachableError",
    "WaitTimeoutError",
]
