"""Bodies in chunks without a Content-Length, sent to gunicorn as in production."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings

from integrations.inbox.models import WebhookEvent
from orders.models import Order
from subscriptions.models import Plan
from tests.support.databases import database_url
from tests.support.processes import Process, free_port, port_answers, python, wait_for

CHECKOUT = {
    "plan": "magazine-monthly",
    "payment_method": "pm_card_visa",
    "customer": {"email": "ann@example.com", "name": "Ann Lee"},
}
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def port(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    with django_db_blocker.unblock():
        environ = {**os.environ, "DJANGO_DEBUG": "1", "DATABASE_URL": database_url()}
    web = Process(
        python("-m", "gunicorn", "config.wsgi", "-b", f"127.0.0.1:{port}", "-w", "1", "--threads", "2"),
        environ=environ,
        log=tmp_path_factory.mktemp("web") / "web.log",
    )
    wait_for(lambda: port_answers(port), what="the web process answers")
    yield port
    web.stop()


@pytest.fixture
def web(port: int, transactional_db: None) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client


def in_chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 10_000):
        yield body[start : start + 10_000]


def checkout(web: httpx.Client, body: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid4())}
    return web.post("/api/v1/checkout/", content=in_chunks(body), headers=headers)


def to_stripe_webhook(web: httpx.Client, body: bytes) -> httpx.Response:
    now = int(time.time())
    secret = settings.STRIPE_WEBHOOK_SECRETS[0].encode()
    signature = hmac.new(secret, f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={now},v1={signature}"}
    return web.post("/webhooks/stripe/", content=in_chunks(body), headers=headers)


def to_brevo_webhook(web: httpx.Client, body: bytes) -> httpx.Response:
    headers = {"Authorization": f"Bearer {settings.BREVO_WEBHOOK_TOKEN}"}
    return web.post("/webhooks/brevo/", content=in_chunks(body), headers=headers)


def test_a_checkout_is_accepted(web: httpx.Client, magazine: Plan) -> None:
    response = checkout(web, json.dumps(CHECKOUT).encode())
    assert response.request.headers["Transfer-Encoding"] == "chunked"
    assert response.status_code == 201, response.text
    assert Order.objects.count() == 1


@pytest.mark.parametrize("size", [64 * 1024 + 1, 200 * 1024, 3 * MIB])
def test_a_large_checkout_is_rejected_with_413(web: httpx.Client, magazine: Plan, size: int) -> None:
    response = checkout(web, b'{"plan": "' + b"a" * (size - 12) + b'"}')
    assert (response.status_code, response.headers["Content-Type"]) == (413, "application/problem+json")
    assert response.json()["title"] == "Body too large"


def test_webhooks_are_accepted(web: httpx.Client) -> None:
    event = {"object": "event", "id": "evt_1", "type": "charge.refunded", "data": {"object": {}}, "more": "a" * 90_000}
    stripe = to_stripe_webhook(web, json.dumps(event).encode())
    brevo = to_brevo_webhook(web, json.dumps({"event": "delivered", "email": "ann@example.com"}).encode())
    assert (stripe.status_code, brevo.status_code) == (200, 200), (stripe.text, brevo.text)
    assert set(WebhookEvent.objects.values_list("provider", flat=True)) == {"stripe", "brevo"}


def test_large_webhooks_are_rejected_with_413(web: httpx.Client) -> None:
    body = json.dumps({"object": "event", "id": "evt_1", "type": "charge.refunded", "more": "a" * MIB}).encode()
    stripe, brevo = to_stripe_webhook(web, body), to_brevo_webhook(web, body)
    assert (stripe.status_code, stripe.json()) == (413, {"detail": "The body is larger than 1 MiB."})
    assert (brevo.status_code, brevo.json()) == (413, {"error": "too_large"})


def test_a_request_without_a_body_is_answered(web: httpx.Client, magazine: Plan) -> None:
    assert web.get("/api/v1/plans/").status_code == 200
    assert checkout(web, b"").status_code == 400


@pytest.mark.parametrize("chunks", [b"2\r\n{}\r\nno number\r\n", b"2\r\n{}\r\n"], ids=["broken", "cut off"])
def test_a_body_that_ends_too_early_is_rejected_with_400(
    port: int, web: httpx.Client, magazine: Plan, chunks: bytes
) -> None:
    head = b"POST /api/v1/checkout/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head + chunks)
        connection.shutdown(socket.SHUT_WR)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    assert response.startswith(b"HTTP/1.1 400 ")
    assert b"The body could not be read." in response
