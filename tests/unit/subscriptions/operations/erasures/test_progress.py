from __future__ import annotations

import datetime as dt
import logging

import pytest

from integrations.errors import ProviderUnclear
from subscriptions.models import Customer, Erasure, ErasureStep
from subscriptions.operations.erasures import parts, progress
from subscriptions.operations.erasures.progress import StepWaits
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import published
from tests.support.erasures import begun_erasure, finish_other_steps, messages_of, request_erasure, step_of
from tests.support.factories import make_customer, make_order

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + dt.timedelta(minutes=5)


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return make_customer()


def test_without_open_money_each_app_begins(ann: Customer) -> None:
    erasure = begun_erasure(ann, at=NOW)
    assert (erasure.status, erasure.begun_at, erasure.waits_for) == ("erasing", NOW, [])
    assert {row.task for row in messages_of("ErasureBegun")} == {step.task for step in parts.steps().values()}


def test_it_begins_once(ann: Customer) -> None:
    erasure = request_erasure(ann)
    at_once(lambda: progress.begin(erasure_id=erasure.pk, at=NOW), times=3)
    assert published()["ErasureBegun"] == 1


@pytest.mark.parametrize(
    ("waited", "minutes"), [({}, 1), ({"minutes": 2}, 10), ({"minutes": 30}, 60), ({"days": 3}, 360)]
)
def test_money_that_was_open_meanwhile_is_waited_for(ann: Customer, waited: dict[str, int], minutes: int) -> None:
    erasure = request_erasure(ann)
    order = make_order(customer=ann, status="payment_failed")
    now = NOW + dt.timedelta(**waited)

    assert not progress.begin(erasure_id=erasure.pk, at=now)

    erasure.refresh_from_db()
    assert (erasure.status, len(erasure.waits_for)) == ("requested", 1)
    assert order.number in erasure.waits_for[0]
    [message] = messages_of("ErasureWaits")
    assert (message.task, message.not_before) == ("accounts.begin_erasure", now + dt.timedelta(minutes=minutes))

    order.status = "fulfilled"
    order.paid_at = order.fulfilled_at = NOW
    order.save()
    assert progress.begin(erasure_id=erasure.pk, at=now)


def test_a_step_before_the_beginning_does_nothing(ann: Customer) -> None:
    erasure = request_erasure(ann)
    assert not progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: pytest.fail("ran"), at=NOW)


def test_a_step_is_done_once(ann: Customer) -> None:
    erasure = begun_erasure(ann)
    assert progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: "done", at=LATER)
    assert not progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: pytest.fail("ran"), at=LATER)
    step = step_of(erasure, "dixa")
    assert (step.detail, step.done_at, step.attempts) == ("done", LATER, 1)


def test_an_unknown_step_of_another_release_does_nothing(ann: Customer) -> None:
    erasure = begun_erasure(ann)
    assert not progress.run_step(erasure_id=erasure.pk, name="fax", work=lambda *_: pytest.fail("ran"), at=NOW)


def test_a_step_that_fails_keeps_the_name_of_its_error_and_is_repeated(ann: Customer) -> None:
    erasure = begun_erasure(ann)

    def fails(*_: object) -> str:
        raise ProviderUnclear("ann.lee@example.com timed out")

    with pytest.raises(ProviderUnclear):
        progress.run_step(erasure_id=erasure.pk, name="dixa", work=fails, at=NOW)
    assert step_of(erasure, "dixa").last_error == "ProviderUnclear"
    assert progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: "done", at=NOW)
    step = step_of(erasure, "dixa")
    assert (step.last_error, step.attempts) == ("", 2)


def test_a_step_that_waits_says_why(ann: Customer) -> None:
    erasure = begun_erasure(ann)

    def waits(*_: object) -> str:
        raise StepWaits("conversations are open")

    assert not progress.run_step(erasure_id=erasure.pk, name="dixa", work=waits, at=NOW)
    assert step_of(erasure, "dixa").last_error == "conversations are open"


def test_the_last_step_ends_the_erasure_with_a_certificate(ann: Customer, caplog: pytest.LogCaptureFixture) -> None:
    erasure = begun_erasure(ann)
    finish_other_steps(erasure, "dixa")
    with caplog.at_level(logging.INFO):
        progress.run_step(erasure_id=erasure.pk, name="dixa", work=lambda *_: "anonymized", at=LATER)
    erasure.refresh_from_db()
    assert (erasure.status, erasure.done_at) == ("done", LATER)
    assert (erasure.addresses, erasure.phones) == ([], [])
    assert erasure.certificate is not None and len(erasure.certificate["erased"]) == len(parts.steps())
    assert str(ann.pk) in caplog.text


def test_two_last_steps_at_once_end_the_erasure(ann: Customer) -> None:
    erasure = begun_erasure(ann)
    finish_other_steps(erasure, "dixa", "stripe")
    results = at_once(
        *(
            lambda name=name: progress.run_step(erasure_id=erasure.pk, name=name, work=lambda *_: "done", at=LATER)
            for name in ("dixa", "stripe")
        )
    )
    assert results == [True, True]
    assert Erasure.objects.get().status == "done"
    assert not ErasureStep.objects.filter(done_at=None).exists()
