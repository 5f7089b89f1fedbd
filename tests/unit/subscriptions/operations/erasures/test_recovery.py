from __future__ import annotations

import datetime as dt

import pytest

from integrations.outbox import recovery
from integrations.outbox.models import OutboxMessage
from tests.support.days import NOW
from tests.support.erasures import begun_erasure, finish_other_steps, messages_of, request_erasure
from tests.support.factories import make_customer

pytestmark = pytest.mark.django_db(transaction=True)

MONTH_LATER = NOW + dt.timedelta(days=30)


def test_a_request_whose_message_was_lost_is_found_at_any_age() -> None:
    request_erasure(make_customer())
    OutboxMessage.objects.all().delete()
    assert recovery.sweep(at=MONTH_LATER)["erasures not begun"] == 1
    assert [row.task for row in messages_of("ErasureWaits")] == ["accounts.begin_erasure"]
    assert recovery.sweep(at=MONTH_LATER)["erasures not begun"] == 0


def test_an_open_step_whose_message_was_lost_is_found() -> None:
    erasure = begun_erasure(make_customer())
    finish_other_steps(erasure, "dixa")
    OutboxMessage.objects.all().delete()
    assert recovery.sweep(at=MONTH_LATER)["erasure steps not done"] == 1
    assert recovery.sweep(at=MONTH_LATER)["erasure steps not done"] == 0


def test_a_step_that_asks_again_later_is_not_stuck() -> None:
    erasure = begun_erasure(make_customer())
    finish_other_steps(erasure, "dixa")
    OutboxMessage.objects.exclude(task="dixa.anonymize_end_user").delete()
    assert recovery.sweep(at=MONTH_LATER)["erasure steps not done"] == 0


def test_new_and_finished_erasures_are_left_alone() -> None:
    finish_other_steps(begun_erasure(make_customer()))
    request_erasure(make_customer(email="bob@example.com"), at=MONTH_LATER)
    OutboxMessage.objects.all().delete()
    found = recovery.sweep(at=MONTH_LATER)
    assert (found["erasures not begun"], found["erasure steps not done"]) == (0, 0)
