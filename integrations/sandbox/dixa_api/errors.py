"""Dixa's errors: a status and a message."""

from __future__ import annotations


class DixaError(Exception):
    """An error response of Dixa."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
