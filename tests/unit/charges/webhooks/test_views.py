"""The door that Stripe knocks at."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection
from django.test import Client
from stripe import WebhookSignature

from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage

URL = "/webhooks/stripe/"
EVENT = {"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "data": {"object": {"id": "pi_1"}}}


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ("whsec_new", "whsec_old")


def knock(event: Any = EVENT, *, secret: str = "whsec_new", age: int = 0, **headers: str) -> Any:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    text = body.decode(errors="replace")
    signature = WebhookSignature.generate_signature_header(text, secret, int(time.time()) - age)
    client = Client(enforce_csrf_checks=True)
    return client.post(URL, body, content_type="application/json", headers={"Stripe-Signature": signature, **headers})


@pytest.mark.django_db
def test_an_event_is_stored_once_and_put_on_the_queue_once() -> None:
    assert [knock().status_code for _ in range(3)] == [200, 200, 200]

    stored = WebhookEvent.objects.get()
    assert (stored.provider, stored.event_id, stored.type) == ("stripe", "evt_1", "payment_intent.succeeded")
    message = OutboxMessage.objects.get()
    assert (message.task, message.kwargs) == ("charges.process_webhook", {"webhook_event_id": str(stored.pk)})


@pytest.mark.django_db
@pytest.mark.parametrize("secret", ["whsec_new", "whsec_old"])
def test_both_active_secrets_are_good(secret: str) -> None:
    answer = knock(secret=secret)
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("knocking", "detail"),
    [
        ({"secret": "whsec_other"}, "The signature does not match."),
        ({"age": 400}, "The signature's timestamp is too old or in the future."),
        ({"age": -400}, "The signature's timestamp is too old or in the future."),
        ({"event": b"not json"}, "The body is not JSON."),
        ({"event": b"\xff\xfe"}, "The body is not UTF-8."),
        ({"event": {"hello": "world"}}, "The body is not an event."),
    ],
)
def test_what_is_not_from_stripe_is_refused(knocking: dict[str, Any], detail: str) -> None:
    answer = knock(**knocking)

    assert (answer.status_code, answer.json()) == (400, {"detail": detail})
    assert WebhookEvent.objects.count() == 0


@pytest.mark.django_db
def test_without_a_signature() -> None:
    assert Client().post(URL, EVENT, content_type="application/json").status_code == 400


def test_only_post() -> None:
    answer = Client().get(URL)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.django_db
def test_a_body_over_one_mebibyte() -> None:
    assert knock({**EVENT, "padding": "x" * 1024 * 1024}).status_code == 413
    assert knock({**EVENT, "padding": "x" * (1024 * 1024 - 300)}).status_code == 200


@pytest.mark.django_db
def test_no_client_secret_is_stored() -> None:
    knock({**EVENT, "data": {"object": {"id": "pi_1", "client_secret": "pi_1_secret_x"}}})
    assert "secret" not in json.dumps(WebhookEvent.objects.get().payload)


@pytest.mark.django_db
def test_a_number_that_cannot_be_stored() -> None:
    body = json.dumps(EVENT)[:-1] + ', "much": 1e999}'
    assert knock(body.encode()).status_code == 400


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError, InternalError, ProgrammingError])
def test_storage_down_has_stripe_come_again(
    monkeypatch: pytest.MonkeyPatch, failure: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise failure("connection refused")

    monkeypatch.setattr(recording, "record", refuse)
    with caplog.at_level(logging.ERROR):
        answer = knock()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert "evt_1" in caplog.text
    assert "whsec" not in caplog.text


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
        (
            "ALTER TABLE inbox_webhookevent RENAME TO inbox_not_there",
            "ALTER TABLE inbox_not_there RENAME TO inbox_webhookevent",
        ),
    ],
    ids=["read-only", "no table"],
)
def test_a_database_that_takes_nothing(transactional_db: None, broken: str, mended: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(broken)
        try:
            answer = knock()
        finally:
            cursor.execute(mended)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert knock().status_code == 200


def test_a_database_that_is_not_there(settings: Any, transactional_db: None) -> None:
    """The same with a real connection to a port where nobody listens."""
    connection.close()
    place = {"HOST": "127.0.0.1", "PORT": "9", "OPTIONS": {"connect_timeout": 2}}
    before = {name: connection.settings_dict[name] for name in place}
    connection.settings_dict.update(place)
    try:
        answer = knock()
    finally:
        connection.close()
        connection.settings_dict.update(before)

    assert answer.status_code == 503
    assert knock().status_code == 200
