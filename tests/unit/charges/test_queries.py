"""The queries about payments: the last decline, the next attempt, and superseded attempts."""

from __future__ import annotations

import datetime as dt

import pytest

from charges import queries
from charges.models import CardExpiryWarning, Charge, DunningRun, SavedPaymentMethod
from subscriptions.models import Subscription
from tests.support.days import NOW
from tests.support.factories import make_customer, place_order

pytestmark = pytest.mark.django_db


def charge_with(*attempts: tuple[str, str]) -> Charge:
    charge = Charge.objects.create(
        order=place_order(), payment_method="pm_1", status="failed", amount=1290, currency="EUR"
    )
    for number, (status, code) in enumerate(attempts, start=1):
        charge.attempts.create(
            number=number,
            idempotency_key=f"{charge.pk}:{number}",
            status=status,
            code=code,
            started_at=NOW,
            finished_at=None if status == "requires_action" else NOW,
        )
    return charge


@pytest.mark.parametrize(
    ("attempts", "code"),
    [
        ([], None),
        ([("rejected", "resource_missing")], None),
        ([("requires_action", "")], None),
        ([("canceled", "")], None),
        ([("declined", "expired_card")], "expired_card"),
        ([("rejected", "expired_card")], "expired_card"),
        ([("declined", "expired_card"), ("declined", "incorrect_cvc")], "incorrect_cvc"),
        ([("declined", "expired_card"), ("rejected", "resource_missing")], "expired_card"),
        ([("declined", "expired_card"), ("requires_action", "authentication_required")], "expired_card"),
    ],
)
def test_the_last_decline_ignores_our_faults_and_authentication(
    attempts: list[tuple[str, str]], code: str | None
) -> None:
    reading = queries.last_decline(order_id=charge_with(*attempts).order_id)
    assert (reading and reading.code) == code


def test_an_attempt_that_requires_action_is_read_as_authentication() -> None:
    attempt = charge_with(("requires_action", "")).attempts.get()
    reading = queries.reading(attempt=attempt)
    assert reading is not None and (reading.category, reading.automatic_retry) == ("customer_action", False)


DAY = dt.timedelta(days=1)


def with_step(charge: Charge, *, run: str = "active", step: str = "planned") -> None:
    dunning = DunningRun.objects.create(
        order=charge.order, status=run, schedule=[3], unpaid_policy="cancel", started_at=NOW,
        ended_at=None if run == "active" else NOW,
    )  # fmt: skip
    dunning.steps.create(number=1, status=step, due_at=NOW + 3 * DAY, done_at=None if step == "planned" else NOW)


@pytest.mark.parametrize(
    ("code", "dunning", "is_attempted"),
    [
        ("insufficient_funds", {}, True),
        ("expired_card", {}, False),
        ("stolen_card", {}, False),
        ("insufficient_funds", {"run": "stopped", "step": "dropped"}, False),
        ("insufficient_funds", {"step": "reminded"}, False),
    ],
)
def test_the_next_attempt_follows_from_dunning_and_the_decline(
    code: str, dunning: dict[str, str], is_attempted: bool
) -> None:
    charge = charge_with(("declined", code))
    with_step(charge, **dunning)
    assert queries.next_attempt_at(order_id=charge.order_id) == (NOW + 3 * DAY if is_attempted else None)


def test_without_dunning_there_is_no_next_attempt() -> None:
    assert queries.next_attempt_at(order_id=charge_with(("declined", "insufficient_funds")).order_id) is None


def test_an_attempt_that_does_not_exist_is_not_superseded() -> None:
    assert not queries.is_attempt_superseded(order_id=place_order().pk, number=1)
    assert not queries.is_step_superseded(order_id=place_order().pk, number=1)


def test_the_subscription_that_renews_next_with_a_card_comes_first() -> None:
    later, sooner, other = place_order(), None, place_order(payment_method="pm_other")
    customer = later.customer
    sooner = place_order(customer=customer)
    Subscription.objects.update(status="active")
    Subscription.objects.filter(pk=other.subscription_id).update(customer=customer)
    due = sooner.subscription.renews_at - dt.timedelta(days=1)
    Subscription.objects.filter(pk=sooner.subscription_id).update(renews_at=due, current_period_end=due)

    def found() -> list[object]:
        renewing = queries.renewing_with(customer_id=customer.pk, payment_method=later.payment_method)
        return list(renewing.values_list("pk", flat=True))

    assert found() == [sooner.subscription_id, later.subscription_id]
    Subscription.objects.filter(pk=sooner.subscription_id).update(renews_at=None, status="paused")
    assert found() == [later.subscription_id]


def test_the_card_of_an_order_is_the_one_that_paid_it() -> None:
    order = place_order(payment_method="pm_1")
    assert queries.card_of_order(order=order) is None
    first, second = (
        SavedPaymentMethod.objects.create(customer=order.customer, payment_method_id=name, stripe_id=name)
        for name in ("pm_1", "pm_2")
    )
    assert queries.card_of_order(order=order) == first, "nothing was charged, so the card of the order"
    Charge.objects.create(order=order, payment_method="pm_2", amount=1290, currency="EUR")
    assert queries.card_of_order(order=order) == second
    assert queries.card_of(customer_id=make_customer().pk, payment_method="pm_1") is None


@pytest.mark.parametrize(
    ("card", "at", "reason"),
    [
        ({}, NOW, ""),
        ({}, dt.datetime(2026, 3, 31, 23, 59, tzinfo=dt.UTC), ""),
        ({}, dt.datetime(2026, 4, 1, tzinfo=dt.UTC), "card_has_expired"),
        ({"exp_month": 4}, NOW, "card_was_replaced"),
        ({"removed_at": NOW}, NOW, "card_was_removed"),
    ],
)
def test_a_warning_is_true_until_the_card_has_expired(card: dict[str, object], at: dt.datetime, reason: str) -> None:
    values = {"exp_year": 2026, "exp_month": 3, **card}
    saved = SavedPaymentMethod.objects.create(customer=make_customer(), payment_method_id="pm_1", **values)
    warning = CardExpiryWarning.objects.create(payment_method=saved, exp_year=2026, exp_month=3)
    assert queries.card_expiry_warning(warning_id=warning.pk) == warning
    assert queries.why_not_warn(warning=warning, at=at) == reason
