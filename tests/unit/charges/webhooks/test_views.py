"""The webhook of Stripe: what it accepts, stores and rejects."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection
from django.test import Client
from stripe import WebhookSignature

from charges.operations.stripe_events import recording
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage

URL = "/webhooks/stripe/"
EVENT = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ("whsec_new", "whsec_old")


def post_event(event: Any = EVENT, *, secret: str = "whsec_new", age: int = 0, **headers: str) -> Any:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    text = body.decode(errors="replace")
    signature = WebhookSignature.generate_signature_header(text, secret, int(time.time()) - age)
    client = Client(enforce_csrf_checks=True)
    return client.post(URL, body, content_type="application/json", headers={"Stripe-Signature": signature, **headers})


@pytest.mark.django_db
def test_an_event_is_stored_and_queued_once() -> None:
    assert [post_event().status_code for _ in range(3)] == [200, 200, 200]

    stored = WebhookEvent.objects.get()
    assert (stored.provider, stored.event_id, stored.type) == ("stripe", "evt_1", "payment_intent.succeeded")
    message = OutboxMessage.objects.get()
    assert (message.task, message.kwargs) == ("charges.process_webhook", {"webhook_event_id": str(stored.pk)})


@pytest.mark.django_db
@pytest.mark.parametrize("secret", ["whsec_new", "whsec_old"])
def test_both_active_secrets_are_accepted(secret: str) -> None:
    response = post_event(secret=secret)
    assert (response.status_code, response.json()) == (200, {})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        ({"secret": "whsec_other"}, "The signature does not match."),
        ({"age": 400}, "The signature's timestamp is too old or in the future."),
        ({"age": -400}, "The signature's timestamp is too old or in the future."),
        ({"event": b"not json"}, "The body is not JSON."),
        ({"event": b"\xff\xfe"}, "The body is not UTF-8."),
        ({"event": {"hello": "world"}}, "The body is not an event."),
    ],
)
def test_a_request_that_is_not_from_stripe_is_rejected(arguments: dict[str, Any], detail: str) -> None:
    response = post_event(**arguments)

    assert (response.status_code, response.json()) == (400, {"detail": detail})
    assert WebhookEvent.objects.count() == 0


@pytest.mark.django_db
def test_a_request_without_a_signature_is_rejected() -> None:
    assert Client().post(URL, EVENT, content_type="application/json").status_code == 400


def test_only_post_is_allowed() -> None:
    response = Client().get(URL)
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")


@pytest.mark.django_db
def test_a_body_over_one_mebibyte_is_rejected() -> None:
    assert post_event({**EVENT, "padding": "x" * 1024 * 1024}).status_code == 413
    assert post_event({**EVENT, "padding": "x" * (1024 * 1024 - 300)}).status_code == 200


@pytest.mark.django_db
def test_no_client_secret_is_stored() -> None:
    post_event({**EVENT, "data": {"object": {"id": "pi_1", "client_secret": "pi_1_secret_x"}}})
    assert "secret" not in json.dumps(WebhookEvent.objects.get().payload)


@pytest.mark.django_db
def test_a_number_that_json_columns_cannot_store_is_rejected() -> None:
    body = json.dumps(EVENT)[:-1] + ', "much": 1e999}'
    assert post_event(body.encode()).status_code == 400


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError, InternalError, ProgrammingError])
def test_if_the_event_cannot_be_stored_stripe_must_retry(
    monkeypatch: pytest.MonkeyPatch, failure: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure("connection refused")

    monkeypatch.setattr(recording, "record", refuse)
    with caplog.at_level(logging.ERROR):
        response = post_event()

    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert "evt_1" in caplog.text
    assert "whsec" not in caplog.text


@pytest.mark.parametrize(
    ("damage", "repair"),
    [
        ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
        (
            "ALTER TABLE inbox_webhookevent RENAME TO inbox_not_there",
            "ALTER TABLE inbox_not_there RENAME TO inbox_webhookevent",
        ),
    ],
    ids=["read-only", "no table"],
)
def test_if_the_database_rejects_writes_stripe_must_retry(transactional_db: None, damage: str, repair: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(damage)
        try:
            response = post_event()
        finally:
            cursor.execute(repair)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert post_event().status_code == 200


def test_if_the_database_is_unreachable_stripe_must_retry(settings: Any, transactional_db: None) -> None:
    """With a real connection to a port without a listener."""
    connection.close()
    unreachable = {"HOST": "127.0.0.1", "PORT": "9", "OPTIONS": {"connect_timeout": 2}}
    before = {name: connection.settings_dict[name] for name in unreachable}
    connection.settings_dict.update(unreachable)
    try:
        response = post_event()
    finally:
        connection.close()
        connection.settings_dict.update(before)

    assert response.status_code == 503
    assert post_event().status_code == 200
