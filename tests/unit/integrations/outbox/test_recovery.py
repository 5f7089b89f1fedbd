from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from integrations.outbox import recovery
from integrations.outbox.events import Event
from integrations.outbox.models import OutboxMessage
from integrations.outbox.recovery import DuplicateFinder, Finder, Window, register, registered_finders, sweep
from integrations.sqs.current import topology
from integrations.sqs.topology import CHARGES
from orders.events import OrderCanceled

NOW = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)


@pytest.fixture
def no_finders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_finders", {})


def finder_of(*ids: UUID) -> Finder:
    def find(window: Window) -> Sequence[Event]:
        return [OrderCanceled(order_id=pk, customer_id=pk) for pk in ids][: window.batch]

    return find


def test_a_message_is_stuck_after_the_whole_ladder_of_the_slowest_queue_and_a_margin() -> None:
    life = dt.timedelta(seconds=topology().max_life_of(CHARGES), minutes=5)
    assert Window(at=NOW, batch=1).stuck == NOW - life
    assert life < dt.timedelta(hours=1)


def test_rows_are_left_to_a_person_after_three_days() -> None:
    assert Window(at=NOW, batch=1).given_up == NOW - dt.timedelta(days=3)


def test_a_kind_of_work_has_one_finder(no_finders: None) -> None:
    register({"orders": finder_of()})
    with pytest.raises(DuplicateFinder, match="orders"):
        register({"orders": finder_of()})


def test_the_sweep_publishes_what_the_finders_return(
    no_finders: None, transactional_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [uuid4() for _ in range(3)]
    register({"canceled orders": finder_of(*ids), "nothing": finder_of()})
    with caplog.at_level(logging.WARNING):
        assert sweep(at=NOW, batch=3) == {"canceled orders": 3, "nothing": 0}
    assert set(OutboxMessage.objects.values_list("subject_id", flat=True)) == set(ids)
    assert caplog.messages == ["stuck work: published events for 3 canceled orders; there may be more"]


def test_finders_run_in_order_and_see_what_those_before_them_published(
    no_finders: None, transactional_db: None
) -> None:
    seen = []

    def count(window: Window) -> Sequence[Event]:
        seen.append(OutboxMessage.objects.count())
        return []

    register({"first": finder_of(uuid4()), "second": count})
    sweep(at=NOW)
    assert seen == [1]


def test_a_finder_that_fails_keeps_the_messages_of_earlier_finders(no_finders: None, transactional_db: None) -> None:
    def fail(window: Window) -> Sequence[Event]:
        raise ZeroDivisionError

    register({"first": finder_of(uuid4()), "second": fail})
    with pytest.raises(ZeroDivisionError):
        sweep(at=NOW)
    assert OutboxMessage.objects.count() == 1


def test_each_app_registers_its_finders() -> None:
    assert {finder.__module__ for finder in registered_finders().values()} == {
        "charges.operations.recovery.stuck_work",
        "notifications.operations.recovery",
        "orders.operations.recovery",
        "subscriptions.operations.erasures.recovery",
    }
