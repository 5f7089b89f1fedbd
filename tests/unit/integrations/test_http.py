"""The client against a configurable server, over real sockets."""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import pickle
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from integrations import http
from integrations.errors import (
    PermanentError,
    ProviderRejected,
    ProviderThrottled,
    ProviderUnavailable,
    ProviderUnclear,
    TransientError,
)
from integrations.http import AccountRejected, Deadline, JsonClient, RequestRejected


class Server:
    """Answers each request with ``reply``: bytes, or a function of the connection. It counts connections."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.reply: bytes | Callable[[socket.socket], None] = answer(200, {})
        self.connections = 0
        self.requests: list[bytes] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while request := whole_request(connection):
                    self.requests.append(request)
                    if callable(self.reply):
                        self.reply(connection)
                        return
                    connection.sendall(self.reply)
            except OSError:
                return

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # close() alone leaves a waiting accept() one more connection
        self.listener.close()


def whole_request(connection: socket.socket) -> bytes:
    """Read one request with its body, which may arrive in several pieces; empty at the end of the connection."""
    request = b""
    while piece := connection.recv(65536):
        request += piece
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if end and len(body) >= (int(length[1]) if length else 0):
            return request
    return b""


def answer(status: int, body: object, **headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[JsonClient]:
    client = JsonClient(provider="test", base_url=server.url, headers={"api-key": "secret"})
    yield client
    client.close()


def test_a_response_has_its_status_and_its_json(server, client):
    server.reply = answer(201, {"id": 7})
    got = client.request("POST", "/things", json={"a": 1})
    assert (got.status, got.body, got.field("id"), got.field("x")) == (201, {"id": 7}, 7, None)
    assert b"api-key: secret" in server.requests[0]
    assert server.requests[0].endswith(b'{"a":1}')


def test_an_empty_response_is_a_response(server, client):
    server.reply = b"HTTP/1.1 204 No Content\r\n\r\n"
    got = client.request("PUT", "/things/1", json={})
    assert (got.status, got.body, got.field("id")) == (204, None, None)


@pytest.mark.parametrize(
    ("status", "error", "again"),
    [
        (400, RequestRejected, False),
        (404, RequestRejected, False),
        (405, RequestRejected, False),
        (422, RequestRejected, False),
        (401, AccountRejected, True),
        (402, AccountRejected, True),
        (403, AccountRejected, True),
        (302, AccountRejected, True),
        (408, ProviderUnclear, True),
        (425, ProviderUnavailable, True),
        (429, ProviderThrottled, True),
        (500, ProviderUnclear, True),
        (502, ProviderUnclear, True),
        (503, ProviderUnclear, True),
        (504, ProviderUnclear, True),
    ],
)
def test_each_status_becomes_its_error(status, error, again, server, client):
    server.reply = answer(status, {"code": "some_code", "message": "Ann Lee <ann@example.com> is known"})
    with pytest.raises(error) as caught:
        client.request("GET", "/things")
    assert type(caught.value) is error
    assert isinstance(caught.value, TransientError if again else PermanentError)
    assert caught.value.provider == "test"
    assert str(caught.value) == f"test: GET /things: {status} some_code"
    assert "ann" not in repr(caught.value).lower()


@pytest.mark.parametrize("code", ["ann@example.com", "a b", 7, None, {"x": 1}, "x" * 100, ""])
def test_text_that_is_not_a_code_is_not_repeated(code, server, client):
    server.reply = answer(400, {"code": code})
    with pytest.raises(RequestRejected) as caught:
        client.request("GET", "/things")
    assert (caught.value.code, str(caught.value)) == ("", "test: GET /things: 400")


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b"\xff", b"[" * 100_000])
def test_a_rejection_may_have_any_body(body, server, client):
    server.reply = answer(400, body)
    with pytest.raises(RequestRejected):
        client.request("GET", "/things")


@pytest.mark.parametrize("body", [b"<html>all is well</html>", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_success_without_json_is_unclear(body, server, client):
    server.reply = answer(200, body)
    with pytest.raises(ProviderUnclear):
        client.request("GET", "/things")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7),
        ({"x_sib_ratelimit_reset": "3"}, 3),
        ({"Retry_After": "9", "x_sib_ratelimit_reset": "3"}, 9),
        ({"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"Retry_After": "-1"}, None),
        ({"Retry_After": "inf"}, None),
        ({"Retry_After": "nan"}, None),
        ({}, None),
    ],
)
def test_a_throttled_call_reports_the_wait(headers, seconds, server, client):
    server.reply = answer(429, {}, **headers)
    with pytest.raises(ProviderThrottled) as caught:
        client.request("GET", "/things")
    assert caught.value.retry_after == seconds


def test_a_refused_connection_had_no_effect(server, client):
    server.stop()
    with pytest.raises(ProviderUnavailable) as caught:
        client.request("GET", "/things", params={"email": "ann@example.com"})
    assert "ann" not in str(caught.value)
    assert caught.value.__cause__ is None


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


@pytest.mark.parametrize(
    "reply",
    [
        reset,
        lambda connection: None,
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
        lambda connection: connection.sendall(b"not http at all\r\n\r\n"),
    ],
    ids=["reset", "closed", "half", "garbage"],
)
def test_a_broken_connection_is_unclear(reply, server, client):
    server.reply = reply
    with pytest.raises(ProviderUnclear):
        client.request("POST", "/things", json={})


def test_a_call_without_a_response_ends_and_is_unclear(server, client, monkeypatch):
    monkeypatch.setattr(http, "READ_SECONDS", 0.2)
    server.reply = lambda _: time.sleep(2)
    began = time.monotonic()
    with pytest.raises(ProviderUnclear):
        client.request("GET", "/things")
    assert time.monotonic() - began < 1


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        time.sleep(0.05)
        connection.sendall(b" ")


def test_a_slow_response_is_limited_as_a_whole(server, client, monkeypatch):
    monkeypatch.setattr(http, "TOTAL_SECONDS", 0.3)
    server.reply = drip
    began = time.monotonic()
    with pytest.raises(ProviderUnclear):
        client.request("GET", "/things")
    assert time.monotonic() - began < 1.5


def test_an_endless_response_is_cut(server, client, monkeypatch):
    monkeypatch.setattr(http, "MAX_RESPONSE_BYTES", 1000)
    server.reply = answer(200, b" " * 5000)
    with pytest.raises(ProviderUnclear):
        client.request("GET", "/things")


def test_calls_share_their_deadline(server, client):
    with pytest.raises(ProviderUnavailable):
        client.request("GET", "/things", deadline=Deadline(0))
    assert server.requests == []
    assert client.request("GET", "/things", deadline=Deadline(5)).status == 200


def test_no_call_is_retried(server, client):
    for reply in (answer(500, {}), answer(429, {}), lambda _: None):
        server.reply = reply
        before = len(server.requests)
        with pytest.raises(TransientError):
            client.request("GET", "/things")
        assert len(server.requests) == before + 1


def test_connections_are_kept_alive_by_default(server, client):
    for _ in range(3):
        client.request("GET", "/things")
    assert server.connections == 1

    fresh = JsonClient(provider="test", base_url=server.url, headers={}, keep_alive=False)
    for _ in range(3):
        fresh.request("GET", "/things")
    assert server.connections == 4
    fresh.close()


def test_a_client_that_a_cache_drops_closes_its_connections(server, monkeypatch):
    dropped = JsonClient(provider="test", base_url=server.url, headers={})
    dropped.request("GET", "/things")
    unclosed: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: unclosed.append(unraisable.object))

    del dropped
    gc.collect()

    assert unclosed == []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_its_own_connections(server, client):
    client.request("GET", "/things")
    child = multiprocessing.get_context("fork").Process(target=client.request, args=("GET", "/things"))
    child.start()
    child.join(10)

    assert child.exitcode == 0
    assert server.connections == 2
    client.request("GET", "/things")
    assert server.connections == 2


@pytest.mark.parametrize(
    "error",
    [
        RequestRejected("text", status=400, code="x", vendor_message="y"),
        AccountRejected("text", retry_after=3),
        ProviderThrottled("text", retry_after=3),
    ],
)
def test_errors_can_be_pickled(error):
    """Celery pickles errors. An error that cannot be unpickled would lose its class and its retry."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)


def test_a_rejected_request_is_permanent_and_a_rejected_account_is_not():
    assert issubclass(RequestRejected, ProviderRejected)
    assert issubclass(AccountRejected, ProviderUnavailable)
