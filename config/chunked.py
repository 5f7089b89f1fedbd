"""Chunked request bodies. Without ``CONTENT_LENGTH``, Django would treat them as empty."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ChunkedBodies:
    """Reads a chunked body and sets its length.

    If the body exceeds every view's limit, it reads one byte more than the limit, so that the view can answer 413.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # Without wsgi.input_terminated, reading would wait forever for the end of the body.
        if "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated"):
            try:
                body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            except Exception:  # each server raises its own exceptions for invalid or incomplete chunks
                from integrations.web.problems import (
                    problem,  # it needs Django, which is set up after this module
                )

                response = problem(400, "The body could not be read.")
                start_response("400 Bad Request", list(response.items()))
                return [response.content]
            environ["CONTENT_LENGTH"] = str(len(body))
            environ["wsgi.input"] = io.BytesIO(body)
        return self.application(environ, start_response)
