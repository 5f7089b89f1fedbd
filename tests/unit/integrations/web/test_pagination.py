"""Pages by cursor: newest first. A forged cursor is a 404."""

from __future__ import annotations

from base64 import b64encode

import pytest
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from integrations.outbox.models import OutboxMessage
from integrations.web.pagination import NewestFirst


def page(cursor: str = "") -> NewestFirst:
    pages = NewestFirst()
    pages.page_size = 2
    request = Request(APIRequestFactory().get("/", {"cursor": cursor} if cursor else {}))
    pages.rows = pages.paginate_queryset(OutboxMessage.objects.all(), request)  # type: ignore[attr-defined]
    return pages


@pytest.fixture
def messages(db: None) -> list[OutboxMessage]:
    return [OutboxMessage.objects.create(task="t", queue="q", kwargs={}) for _ in range(5)]


def test_rows_are_newest_first(messages: list[OutboxMessage]) -> None:
    first = page()
    assert first.rows == messages[:2:-1]  # type: ignore[attr-defined]
    assert first.get_previous_link() is None and "cursor=" in str(first.get_next_link())


@pytest.mark.parametrize("query", ["o=x", "p=not-an-id", "p=%00", "o=-1", "r=1&p=1"])
def test_a_forged_cursor_is_not_found(messages: list[OutboxMessage], query: str) -> None:
    with pytest.raises(exceptions.NotFound):
        page(b64encode(query.encode()).decode())
