"""Providers that run in this process: a WSGI application answers the calls to its address, without a network.

The simulation of development uses it, because it makes some hundred thousand calls. In production no application is
registered.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_applications: dict[str, WsgiApplication] = {}


@contextmanager
def answering(application: WsgiApplication, *, origin: str) -> Iterator[None]:
    """Within this block, calls to ``origin`` (``http://name``) go to the application."""
    _applications[origin] = application
    try:
        yield
    finally:
        del _applications[origin]


def answers(url: str) -> bool:
    """Whether an application answers this URL. If not, the call goes over the network."""
    return _application(url) is not None


def call(*, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Call the application of this URL; return the status, the headers and the body.

    Raises ``ConnectionError`` if the application drops the connection or does not answer any more.
    """
    application, parts = _application(url), urlsplit(url)
    if application is None:
        raise ConnectionError(f"Nothing answers at {parts.netloc} any more.")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method.upper(),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path, "latin-1"),
        "QUERY_STRING": parts.query,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = value
    started: list[tuple[str, list[tuple[str, str]]]] = []
    content = b"".join(application(environ, lambda status, fields, _=None: started.append((status, fields))))
    status, fields = started[-1]
    return int(status.partition(" ")[0]), dict(fields), content


def _application(url: str) -> WsgiApplication | None:
    if not _applications:
        return None
    parts = urlsplit(url)
    return _applications.get(f"{parts.scheme}://{parts.netloc}")
