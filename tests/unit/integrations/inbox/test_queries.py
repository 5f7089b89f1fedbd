from __future__ import annotations

from uuid import uuid4

import pytest

from integrations.inbox.models import WebhookEvent
from integrations.inbox.queries import WebhookEventNotFound, webhook_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored() -> WebhookEvent:
    return WebhookEvent.objects.create(provider="stripe", event_id="evt_1", type="x", payload={})


def test_an_event_is_found_by_its_id_and_provider(stored: WebhookEvent) -> None:
    assert webhook_event(webhook_event_id=stored.pk, provider="stripe") == stored


def test_an_unknown_event_and_an_event_of_another_provider_are_not_found(stored: WebhookEvent) -> None:
    with pytest.raises(WebhookEventNotFound):
        webhook_event(webhook_event_id=uuid4(), provider="stripe")
    with pytest.raises(WebhookEventNotFound):
        webhook_event(webhook_event_id=stored.pk, provider="brevo")
