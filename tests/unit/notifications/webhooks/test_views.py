"""Brevo's webhook: authentication, storing the events, and the answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from integrations.inbox import recording
from integrations.inbox.models import WebhookEvent
from integrations.outbox.models import OutboxMessage
from notifications.models import Notification
from notifications.operations import brevo_events
from notifications.webhooks import views
from tests.support.factories import make_customer

URL = "/webhooks/brevo/"
DELIVERED = {
    "event": "delivered",
    "email": "ann.lee@example.com",
    "id": 77,
    "date": "2026-11-20 10:15:02",
    "ts": 1795166102,
    "ts_event": 1795166102,
    "ts_epoch": 1795166102123,
    "message-id": "<x@smtp-relay.example>",
    "subject": "Hi",
    "tags": ["welcome"],
}


def post(client, document: Any, *, token: str | None = None, **extra):
    body = document if isinstance(document, bytes | str) else json.dumps(document)
    token = settings.BREVO_WEBHOOK_TOKEN if token is None else token
    headers = {"Authorization": f"Bearer {token}"}
    return client.post(URL, body, content_type="application/json", headers=headers, **extra)


def stored() -> list[str]:
    return list(WebhookEvent.objects.order_by("pk").values_list("type", flat=True))


@pytest.mark.django_db
class TestBrevoWebhook:
    def test_an_event_is_stored_and_published_once(self, client):
        make_customer()
        for _ in range(3):
            assert post(client, DELIVERED).status_code == 200

        event = WebhookEvent.objects.get()
        message = OutboxMessage.objects.get()
        assert (event.provider, event.type, event.payload) == ("brevo", "delivered", DELIVERED)
        assert (message.task, message.queue) == ("brevo.process_webhook", "BrevoQueue")
        assert message.kwargs == {"webhook_event_id": str(event.pk)}
        assert "ann" not in event.event_id

    def test_each_event_of_a_batch_is_stored(self, client):
        batch = [DELIVERED, {**DELIVERED, "event": "opened"}, DELIVERED, {**DELIVERED, "ts_epoch": 1795166102999}]

        answer = post(client, batch)

        assert answer.json() == {"received": 4, "new": 3}
        assert sorted(stored()) == ["delivered", "delivered", "opened"]

    def test_clicks_on_two_links_are_two_events(self, client):
        click = {**DELIVERED, "event": "click"}
        post(client, [{**click, "link": "https://a.example"}, {**click, "link": "https://b.example"}])
        assert len(stored()) == 2

    @pytest.mark.parametrize("token", ["", "wrong", "brevo-sandbox-webhook-toke", "brevo-sandbox-webhook-token0", "ü"])
    def test_a_wrong_token_is_unauthorized(self, client, token):
        answer = post(client, DELIVERED, token=token)
        assert answer.status_code == 401
        assert stored() == []

    @pytest.mark.parametrize("header", ["", "Basic brevo-sandbox-webhook-token", "brevo-sandbox-webhook-token"])
    def test_another_scheme_is_unauthorized(self, client, header):
        headers = {"Authorization": header} if header else {}
        answer = client.post(URL, json.dumps(DELIVERED), content_type="application/json", headers=headers)
        assert answer.status_code == 401

    @pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
    def test_other_methods_are_not_allowed(self, client, method):
        assert getattr(client, method)(URL).status_code == 405

    def test_a_large_body_is_rejected(self, client):
        assert post(client, json.dumps([{"event": "x" * 1024 * 1024}])).status_code == 413
        assert stored() == []

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"\xff\xfe", b'"text"', b"7", b"null", b"NaN", b'{"a": Infinity}', b"[" * 20_000, b"9" * 5000],
    )
    def test_a_body_that_is_not_json_is_rejected(self, client, body):
        assert post(client, body).status_code == 400
        assert stored() == []

    @pytest.mark.parametrize("error", [OperationalError, DatabaseError, ValueError])
    def test_if_storing_fails_brevo_sends_again(self, client, monkeypatch, error):
        def fail(**_: Any) -> int:
            raise error("away")

        with monkeypatch.context() as patch:
            patch.setattr(recording, "record", fail)
            answer = post(client, DELIVERED)
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
        assert post(client, DELIVERED).json() == {"received": 1, "new": 1}

    def test_if_the_database_is_away_brevo_sends_again(self, client, monkeypatch):
        def refuse(*_: Any, **__: Any) -> None:
            raise OperationalError("connection refused")

        monkeypatch.setattr(connection, "cursor", refuse)
        assert post(client, DELIVERED).status_code == 429

    @pytest.mark.parametrize(
        "odd",
        [
            {"event": "a\x00b", "email": "\ud800"},
            {"event": 1e400},
            {"event": {"nested": [1, None]}, "message-id": ["x"]},
            {"msg_status": 7, "to": None, "messageId": {}},
            [[], {}, None, "text", 1.5, True],
            {"event": "x" * 300},
        ],
    )
    def test_odd_payloads_are_stored_and_processed(self, client, odd):
        body = json.dumps(odd).replace("Infinity", "1e400")
        assert post(client, body).status_code == 200
        for pk in WebhookEvent.objects.values_list("pk", flat=True):
            assert brevo_events.process(webhook_event_id=pk, at=webhooks_now())


def webhooks_now():
    from django.utils import timezone

    return timezone.now()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
payloads = json_values | st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            name: json_values | st.sampled_from(["delivered", "hard_bounce", "unsubscribe", "spam", "ann@example.com"])
            for name in (
                "event",
                "msg_status",
                "email",
                "to",
                "message-id",
                "messageId",
                "tag",
                "X-Mailin-custom",
                "ts_epoch",
                "camp_id",
            )
        },
    ),
    max_size=5,
)


def is_json(document):
    """Whether the document holds no infinity, which Python writes although JSON has none."""
    try:
        json.dumps(document, allow_nan=False)
    except ValueError:
        return False
    return True


@pytest.mark.django_db
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(document=payloads)
def test_any_json_is_answered_and_processed(client, document):
    WebhookEvent.objects.all().delete()
    is_readable = isinstance(document, dict | list) and is_json(document)
    assert post(client, json.dumps(document)).status_code == (200 if is_readable else 400)
    assert WebhookEvent.objects.exists() == (is_readable and document != [])
    for pk in WebhookEvent.objects.filter(processed_at=None).values_list("pk", flat=True):
        assert brevo_events.process(webhook_event_id=pk, at=webhooks_now())
    assert not Notification.objects.exists()


@pytest.mark.django_db
@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_any_bytes_are_rejected_if_they_are_no_event_and_nothing_is_stored(client, body):
    WebhookEvent.objects.all().delete()
    status = post(client, body).status_code
    assert status == (200 if body.strip() in (b"{}", b"[]", b"[{}]") else 400)
    assert WebhookEvent.objects.exists() == (status == 200 and body.strip() != b"[]")


def test_the_url_leads_to_the_view():
    from django.urls import resolve

    assert resolve(URL).func is views.brevo_webhook
