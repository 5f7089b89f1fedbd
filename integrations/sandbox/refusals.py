"""A request to the control API that cannot be met."""

from __future__ import annotations


class Refused(Exception):
    """The message is for the person at the keyboard."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
