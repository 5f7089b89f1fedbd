"""Check that a message is a task which a worker can run."""

from __future__ import annotations

from typing import Any

from integrations.errors import MalformedMessage

ACCEPTED = {"application/json"}
NO_TIME_LIMITS = (None, [None, None])  # our sender writes the second


def check(message: Any) -> None:
    """Raise MalformedMessage or a decoder's error, unless the kombu message is a task of this project."""
    if message.errors:
        raise message.errors[0][1]
    if message.content_type not in ACCEPTED:
        raise MalformedMessage(f"content type {message.content_type!r}")
    _check_headers(message.headers)
    message.accept = ACCEPTED
    _check_payload(message.decode())


def _check_headers(headers: Any) -> None:
    for name in ("task", "id"):
        if not isinstance(headers.get(name), str):
            raise MalformedMessage(f"no header {name!r}")
    for name in ("eta", "expires"):
        # Celery would hold the message in memory until then, or delete it.
        if headers.get(name) is not None:
            raise MalformedMessage(f"header {name!r}: delays belong in the outbox")
    if headers.get("timelimit") not in NO_TIME_LIMITS:
        # Celery reads this header in the parent process. A value that is not a pair leaks a slot of the pool; a pair
        # without numbers ends the worker.
        raise MalformedMessage("header 'timelimit': the queue sets the time limits")


def _check_payload(payload: Any) -> None:
    match payload:
        case [list(), dict(), dict()]:
            return
    raise MalformedMessage("the body is not [args, kwargs, embed]")


def reason(exc: Exception) -> str:
    """The reason for the log. A decoder's text is left out, because it quotes the message."""
    return str(exc) if isinstance(exc, MalformedMessage) else type(exc).__name__
