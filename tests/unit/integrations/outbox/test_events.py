from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import uuid4

import pytest
from django.db import transaction

from integrations import logs
from integrations.outbox.events import (
    Event,
    NobodyListens,
    PublishedOutsideTransaction,
    publish,
    publish_all,
)
from integrations.outbox.models import OutboxMessage
from orders.events import OrderPaid, OrderPlaced


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingHappened(Event):
    reason: str


def test_an_event_writes_one_row_per_consumer(db: None) -> None:
    order_id, customer_id = uuid4(), uuid4()
    with transaction.atomic():
        publish(OrderPlaced(order_id=order_id, customer_id=customer_id))
    rows = {row.task: row for row in OutboxMessage.objects.all()}
    assert set(rows) == {"charges.capture_payment", "emails.order_confirmation"}
    capture = rows["charges.capture_payment"]
    assert capture.queue == "ChargesQueue"
    assert capture.kwargs == {"order_id": str(order_id), "customer_id": str(customer_id), "order_number": ""}
    assert capture.headers["event"] == "OrderPlaced"
    assert capture.group == str(customer_id)
    assert (capture.subject_type, capture.subject_id) == ("order", order_id)
    assert capture.pk.version == 7


def test_an_event_without_a_subject_field_has_no_subject() -> None:
    event = NothingHappened(reason="none")
    assert (event.subject_type, event.subject_id) == ("", None)


def test_an_event_without_a_group_field_has_no_group() -> None:
    assert NothingHappened(reason="none").group == ""


def test_many_events_are_written_in_one_statement(db: None, django_assert_num_queries: object) -> None:
    events = [OrderPaid(order_id=uuid4(), customer_id=uuid4()) for _ in range(50)]
    with transaction.atomic(), django_assert_num_queries(1):  # type: ignore[operator]
        publish_all(events)


def test_a_rolled_back_event_is_not_published(transactional_db: None) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        publish(OrderPlaced(order_id=uuid4(), customer_id=uuid4()))
        raise ZeroDivisionError
    assert not OutboxMessage.objects.exists()


def test_publishing_outside_a_transaction_is_an_error(transactional_db: None) -> None:
    with pytest.raises(PublishedOutsideTransaction):
        publish(OrderPlaced(order_id=uuid4(), customer_id=uuid4()))


def test_publishing_without_a_consumer_is_an_error(db: None) -> None:
    with pytest.raises(NobodyListens, match="NothingHappened"):
        publish(NothingHappened(reason="none"))


def test_an_event_carries_no_objects(db: None) -> None:
    with pytest.raises(TypeError, match="order_id"):
        publish(OrderPlaced(order_id=object(), customer_id=uuid4()))  # type: ignore[arg-type]


def test_a_delay_is_stored_in_the_row(db: None) -> None:
    later = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    with transaction.atomic():
        publish(OrderPlaced(order_id=uuid4(), customer_id=uuid4()), not_before=later)
    assert set(OutboxMessage.objects.values_list("not_before", flat=True)) == {later}


def test_the_request_id_is_stored_in_the_headers(db: None) -> None:
    logs.bind(request_id="request-1")
    try:
        with transaction.atomic():
            publish(OrderPlaced(order_id=uuid4(), customer_id=uuid4()))
    finally:
        logs.clear()
    assert {row.headers["request_id"] for row in OutboxMessage.objects.all()} == {"request-1"}
