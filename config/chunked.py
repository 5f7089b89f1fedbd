"""Bodies that come in chunks, without their length. Django takes what has no ``CONTENT_LENGTH`` to have no body."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class ChunkedBodies:
    """Reads such a body and tells the application its length.

    Of one that is larger than anybody here takes only so much is read that each view sees it, and refuses it its way.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        # A server that does not end the body for us would have us wait for bytes that never come.
        if "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated"):
            try:
                body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            except Exception:  # each server has its own for chunks that are none, or that end too soon
                from integrations.web.problems import (
                    problem,  # it needs Django to be up, which is made after this module
                )

                response = problem(400, "The body could not be read.")
                start_response("400 Bad Request", list(response.items()))
                return [response.content]
            environ["CONTENT_LENGTH"] = str(len(body))
            environ["wsgi.input"] = io.BytesIO(body)
        return self.application(environ, start_response)
