from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.inbox.models import WebhookEvent
from integrations.purging import delete_in_batches

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("rows", "statements"), [(0, 1), (2, 1), (3, 2), (7, 3)])
def test_rows_are_deleted_in_small_statements(rows: int, statements: int) -> None:
    WebhookEvent.objects.bulk_create(
        WebhookEvent(provider="stripe", event_id=str(number), type="old", payload={}) for number in range(rows)
    )
    WebhookEvent.objects.create(provider="stripe", event_id="new", type="new", payload={})

    with CaptureQueriesContext(connection) as queries:
        assert delete_in_batches(WebhookEvent.objects.filter(type="old"), batch=3) == rows

    assert [query["sql"].split()[0] for query in queries] == ["DELETE"] * statements
    assert WebhookEvent.objects.get().type == "new"
