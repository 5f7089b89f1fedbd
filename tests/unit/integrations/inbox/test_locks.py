from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from integrations.inbox.locks import locked_webhook_event
from integrations.inbox.models import WebhookEvent
from integrations.inbox.queries import WebhookEventNotFound

pytestmark = pytest.mark.django_db


def test_the_row_of_the_event_is_locked() -> None:
    stored = WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={})
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        assert locked_webhook_event(webhook_event_id=stored.pk, provider="stripe") == stored
    assert any("FOR UPDATE" in query["sql"] for query in queries)


def test_an_unknown_event_and_an_event_of_another_provider_are_not_found() -> None:
    stored = WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={})
    for webhook_event_id, provider in ((uuid4(), "stripe"), (stored.pk, "brevo")):
        with transaction.atomic(), pytest.raises(WebhookEventNotFound):
            locked_webhook_event(webhook_event_id=webhook_event_id, provider=provider)
