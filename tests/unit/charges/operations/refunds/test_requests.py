"""Money is reserved before Stripe hears of it: never more than was paid, and once for each command."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from charges.models import Charge, Refund
from charges.operations.locks import locked_charge
from charges.operations.refunds.requests import (
    CommandReused,
    MoreThanIsLeft,
    NothingPaid,
    NoWholeStep,
    UnableToRefund,
    refund_for_canceled_order,
)
from orders.models import Order
from subscriptions.models import Plan
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import (
    free_order,
    paid_charge,
    place_order,
    request_refund,
    staff_user,
    started_subscription,
    submit_refund_command,
)
from tests.support.refunds import refund_state
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def charge(stripe_sandbox: StripeSandbox) -> Any:
    """1290 minor units, paid."""
    return paid_charge()


def test_without_an_amount_the_whole_remaining_amount_is_refunded(charge: Any) -> None:
    who = staff_user()

    refund = request_refund(charge, requested_by=who, reason="duplicate", note="called twice")

    assert refund_state(charge) == (1290, "paid", ["pending"])
    assert (refund.amount, refund.origin, refund.reason, refund.note) == (1290, "staff", "duplicate", "called twice")
    assert (refund.requested_by, refund.requested_at, refund.stripe_id) == (who, NOW, None)
    assert published() == {"OrderPaid": 1, "RefundRequested": 1}


def test_parts_until_nothing_is_left(charge: Any) -> None:
    assert [request_refund(charge, 500).amount, request_refund(charge, 290).amount, request_refund(charge).amount] == [
        500,
        290,
        500,
    ]
    with pytest.raises(MoreThanIsLeft, match="Nothing is left"):
        request_refund(charge, 1)
    assert refund_state(charge) == (1290, "paid", ["pending"] * 3)


@pytest.mark.parametrize("amount", [0, -1, 791, 1_000_000_000_000])
def test_a_wrong_amount_names_the_field_and_the_remaining_amount(charge: Any, amount: int) -> None:
    request_refund(charge, 500)
    with pytest.raises(MoreThanIsLeft, match=r"between 1 and 790: 7\.90 EUR are left") as caught:
        request_refund(charge, amount)
    assert caught.value.field == "amount"
    assert (refund_state(charge), published()["RefundRequested"]) == ((500, "paid", ["pending"]), 1)


def test_an_amount_that_stripe_does_not_move_is_refused(stripe_sandbox: StripeSandbox) -> None:
    charge = paid_charge(currency="ISK", amount=129_000)
    with pytest.raises(NoWholeStep, match="a multiple of 100") as caught:
        request_refund(charge, 12_345)
    assert caught.value.field == "amount"
    assert request_refund(charge, 12_300).amount == 12_300
    assert request_refund(charge).amount == 116_700


def test_an_unpaid_order_is_not_refunded(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_chargeCustomerFail")
    with pytest.raises(NothingPaid, match="There is no order"):
        request_refund(None, order_number=order.number)  # no charge yet
    capture(order)
    with pytest.raises(NothingPaid, match="No money was taken") as caught:
        request_refund(None, order_number=order.number)
    assert (caught.value.field, Refund.objects.count()) == ("order", 0)


def test_the_saved_card_of_a_trial_is_not_refunded(stripe_sandbox: StripeSandbox, coffee: Plan) -> None:
    order = free_order(started_subscription(coffee, trial_days=14))
    capture(order)
    with pytest.raises(NothingPaid, match="No money was taken"):
        request_refund(None, order_number=order.number)


def test_a_repeated_command_returns_the_first_refund(charge: Any) -> None:
    command = {"requested_by": staff_user(), "key": "k", "hash": "h"}
    first = submit_refund_command(charge, **command)
    again = submit_refund_command(charge, **command)  # nothing is left, and nothing is asked for

    assert (first.replayed, again.replayed) == (False, True)
    assert first.refund == again.refund
    assert (refund_state(charge), published()["RefundRequested"]) == ((1290, "paid", ["pending"]), 1)


def test_a_reused_key_is_rejected(charge: Any) -> None:
    who = staff_user()
    request_refund(charge, 100, requested_by=who, key="k", hash="h")
    with pytest.raises(CommandReused) as caught:
        request_refund(charge, 200, requested_by=who, key="k", hash="another")
    assert (caught.value.field, refund_state(charge)[0]) == ("Idempotency-Key", 100)


def test_two_users_may_use_the_same_key(charge: Any) -> None:
    request_refund(charge, 100, key="k", hash="h")
    request_refund(charge, 100, key="k", hash="h")
    assert refund_state(charge)[0] == 200


def test_two_at_once_for_the_whole_amount(charge: Any) -> None:
    staff = [staff_user() for _ in range(4)]

    came = at_once(*[lambda who=who: request_refund(charge, 1290, requested_by=who) for who in staff])

    assert sorted(type(one).__name__ for one in came) == ["MoreThanIsLeft"] * 3 + ["Refund"]
    assert (refund_state(charge), published()["RefundRequested"]) == ((1290, "paid", ["pending"]), 1)


def test_one_command_four_times_at_once(charge: Any) -> None:
    command = {"requested_by": staff_user(), "key": "k", "hash": "h"}

    came = at_once(*[lambda: request_refund(charge, 100, **command)] * 4)

    assert len({refund.pk for refund in came}) == 1
    assert refund_state(charge)[0] == 100


@pytest.mark.parametrize("round_", range(3))
def test_one_key_for_two_orders_at_once(stripe_sandbox: StripeSandbox, round_: int) -> None:
    """They do not wait for each other's lock; the unique constraint tells them apart."""
    charges, who = [paid_charge(), paid_charge()], staff_user()

    came = at_once(
        *[lambda one=one: request_refund(one, requested_by=who, key="k", hash=str(one.pk)) for one in charges]
    )

    assert sorted(type(one).__name__ for one in came) == ["CommandReused", "Refund"]
    assert sorted(refund_state(one)[0] for one in charges) == [0, 1290]
    assert published()["RefundRequested"] == 1


@pytest.mark.parametrize(
    "update",
    [
        {"amount_refunded": 1291},
        {"amount_refunded": 1, "status": "failed", "succeeded_at": None},
    ],
)
def test_the_database_rejects_more_than_was_paid(charge: Any, update: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="refunded_at_most_paid"):
        Charge.objects.filter(pk=charge.pk).update(**update)


def test_the_database_rejects_a_second_refund_of_one_command(charge: Any) -> None:
    refund = request_refund(charge, 100, key="k", hash="h")
    with pytest.raises(IntegrityError, match="refund_command_once"):
        Refund.objects.create(
            charge=charge, amount=1, origin="staff", requested_by=refund.requested_by, command_key="k"
        )
    with pytest.raises(IntegrityError, match="refund_command_once"):  # requests without a user have one key space
        Refund.objects.bulk_create([Refund(charge=charge, amount=1, origin="shop", command_key="k") for _ in "ab"])


class TestMoneyForACanceledOrder:
    def refund(self, charge: Any) -> Refund | None:
        with transaction.atomic():
            return refund_for_canceled_order(charge=locked_charge(charge_id=charge.pk))

    def test_is_refunded_once(self, charge: Any) -> None:
        Order.objects.filter(pk=charge.order_id).update(status="canceled", canceled_at=NOW)

        first, again = self.refund(charge), self.refund(charge)

        assert first is not None
        assert first == again
        assert (first.amount, first.origin, first.requested_by) == (1290, "shop", None)
        assert first.requested_at is not None
        assert (refund_state(charge), published()["RefundRequested"]) == ((1290, "canceled", ["pending"]), 1)

    def test_is_refunded_by_its_remaining_amount(self, charge: Any) -> None:
        request_refund(charge, 290)
        refund = self.refund(charge)
        assert refund is not None
        assert refund.amount == 1000

    def test_is_not_refunded_if_nothing_is_left(self, charge: Any) -> None:
        request_refund(charge)
        assert self.refund(charge) is None

    def test_is_rolled_back_with_the_outer_transaction(self, charge: Any) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            refund_for_canceled_order(charge=locked_charge(charge_id=charge.pk))
            raise ZeroDivisionError
        assert (refund_state(charge), published()) == ((0, "paid", []), {"OrderPaid": 1})


def test_every_error_names_a_field() -> None:
    assert all(kind.field for kind in UnableToRefund.__subclasses__())
