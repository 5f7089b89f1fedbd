"""Chunked bodies get a length, and never more of them is read than the largest view allows."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from config.chunked import ChunkedBodies


class Body(io.BytesIO):
    """A body that may break while it is read, and counts how much of it was read."""

    def __init__(self, data: bytes, *, broken: bool = False) -> None:
        super().__init__(data)
        self.broken = broken

    def read(self, size: int | None = -1, /) -> bytes:
        if self.broken:
            raise OSError("invalid chunk")
        return super().read(size)


def request(body: Body, **environ: Any) -> tuple[str, bytes, dict[str, Any]]:
    """The status, the body, and the environment that the application saw."""
    seen: dict[str, Any] = {}
    statuses: list[str] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))]

    given = {"wsgi.input": body, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", **environ}
    answer = ChunkedBodies(application)(given, lambda status, headers: statuses.append(status))
    return statuses[0], b"".join(answer), seen


def test_the_application_sees_the_whole_body_and_its_length() -> None:
    status, body, seen = request(Body(b"x" * 5000))
    assert (status, body, seen["CONTENT_LENGTH"]) == ("200 OK", b"x" * 5000, "5000")


def test_of_a_body_beyond_the_limit_one_byte_more_than_the_limit_is_read(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    source = Body(b"x" * 5000)
    assert request(source)[2]["CONTENT_LENGTH"] == "1001"
    assert source.tell() == 1001


def test_a_broken_body_is_a_400_and_the_application_is_not_called() -> None:
    status, body, seen = request(Body(b"", broken=True))
    assert (status, seen) == ("400 Bad Request", {})
    assert json.loads(body)["status"] == 400


@pytest.mark.parametrize(
    "environ", [{"wsgi.input_terminated": False}, {"HTTP_TRANSFER_ENCODING": None}], ids=["endless", "not chunked"]
)
def test_other_bodies_are_left_unread(environ: dict[str, Any]) -> None:
    source = Body(b"x" * 50)
    given = {name: value for name, value in environ.items() if value is not None}
    if "HTTP_TRANSFER_ENCODING" in environ:
        seen: dict[str, Any] = {}
        ChunkedBodies(lambda environ, _: seen.update(environ) or [])(
            {"wsgi.input": source, "wsgi.input_terminated": True}, lambda *_: None
        )
    else:
        seen = request(source, **given)[2]
    assert "CONTENT_LENGTH" not in seen
    assert source.tell() == 0
