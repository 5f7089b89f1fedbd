from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import transaction

from integrations.inbox.locks import locked_webhook_event
from integrations.inbox.models import WebhookEvent
from integrations.inbox.queries import WebhookEventNotFound, webhook_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored() -> WebhookEvent:
    return WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={})


def test_an_event_is_found_by_its_id_and_provider(stored: WebhookEvent) -> None:
    assert webhook_event(webhook_event_id=stored.pk, provider="stripe") == stored
    with transaction.atomic():
        assert locked_webhook_event(webhook_event_id=stored.pk, provider="stripe") == stored


@pytest.mark.parametrize("find", [webhook_event, locked_webhook_event])
def test_an_unknown_event_and_an_event_of_another_provider_are_not_found(stored: WebhookEvent, find: object) -> None:
    with pytest.raises(WebhookEventNotFound):
        find(webhook_event_id=uuid4(), provider="stripe")  # type: ignore[operator]
    with pytest.raises(WebhookEventNotFound):
        find(webhook_event_id=stored.pk, provider="brevo")  # type: ignore[operator]
