"""The error of the control API and of the page's buttons."""

from __future__ import annotations


class ControlError(Exception):
    """The request cannot be carried out. The message is shown to the person who sent it."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
