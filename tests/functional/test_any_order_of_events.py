"""Events in any order: all invariants of the ledger hold after each step, and at the end the shop agrees with Stripe.

Hypothesis generates the events: orders, messages that are delivered once, twice or late, workers that are killed at a
line, faults of Stripe before and after the effect, webhooks in any order and number, customers who authenticate, use
another card or an old link, refunds, disputes, cancellations, and days with and without workers.

By default it generates the same events in each run, so that a failure can be repeated. ``HYPOTHESIS_EXAMPLES=500``
generates 500 new examples.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from charges.models import Charge, ChargeAttempt, Dispute, DunningRun, Refund, SavedPaymentMethod
from charges.operations import ledger
from charges.operations.dunning import steps as dunning_steps
from charges.operations.payments.new_payment_method import NothingToPay, PaymentUnderWay, replace_payment_method
from charges.operations.reconciliation import runs
from charges.operations.refunds.requests import UnableToRefund
from charges.operations.stripe_events.processing import process_stripe_event
from integrations.errors import TransientError
from integrations.inbox.models import WebhookEvent
from orders.models import Order
from subscriptions.operations import subscriptions
from tests.support.concurrency import Died, DiesAfter
from tests.support.databases import empty_database
from tests.support.days import Days
from tests.support.factories import place_order, place_renewal, request_refund, staff_user
from tests.support.sandboxes import StripeSandbox
from tests.support.subscriptions import TESTS

SOFT = "pm_card_chargeCustomerFail_insufficient_funds"
HARD = "pm_card_chargeCustomerFail_lost_card"
SCA = "pm_card_authenticationRequired"
PAYS = ["pm_card_visa", "pm_card_pendingRefund", "pm_card_refundFail", "pm_card_createDispute"]
CARDS = st.sampled_from(["pm_card_visa", *PAYS, SOFT, HARD, SCA, "pm_card_chargeDeclined"])
FAULTS = st.sampled_from(["error", "error_after_effect", "drop", "drop_after_effect", "non_json"])
KEY = {"Authorization": "Bearer sk_test_sandbox"}
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))


class AnyOrder(RuleBasedStateMachine):
    """A shop with up to four orders."""

    sandbox: ClassVar[StripeSandbox]
    patch: ClassVar[pytest.MonkeyPatch]

    @initialize(card=CARDS)
    def open_the_shop(self, card: str) -> None:
        empty_database()
        self.sandbox.reset()
        self.opened_at = dt.datetime.now(dt.UTC)
        self.days = Days(self.patch, self.sandbox, start=self.opened_at)
        self.orders: list[Any] = []
        self.staff = staff_user()
        self.order(card)

    def pick(self, number: int) -> Any:
        return Order.objects.select_related("subscription").get(pk=self.orders[number % len(self.orders)].pk)

    def publish_order(self, order: Any) -> None:
        from integrations.outbox.events import publish
        from orders.events import OrderPlaced

        publish(OrderPlaced(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
        self.orders.append(order)

    @precondition(lambda self: len(self.orders) < 4)
    @rule(card=CARDS)
    def order(self, card: str) -> None:
        from django.db import transaction

        with transaction.atomic():
            self.publish_order(place_order(payment_method=card, placed_at=self.days.now))

    @precondition(lambda self: len(self.orders) < 4)
    @rule(number=st.integers(0, 3), card=CARDS)
    def renew(self, number: int, card: str) -> None:
        from django.db import transaction

        last = self.pick(number)
        last = Order.objects.filter(subscription=last.subscription).order_by("period_start").last()
        if last.subscription.status in ("active", "past_due"):
            with transaction.atomic():
                self.publish_order(place_renewal(last, payment_method=card, placed_at=self.days.now))

    @rule()
    def work(self) -> None:
        self.days.settle()

    @rule(number=st.integers(0, 50))
    def deliver_a_message(self, number: int) -> None:
        self.days.deliver_any(number)

    @rule(number=st.integers(0, 50), lines=st.integers(1, 150))
    def deliver_to_a_worker_that_is_killed(self, number: int, lines: int) -> None:
        with contextlib.suppress(Died), DiesAfter(lines):
            self.days.deliver_any(number, again=True)

    @rule(kind=FAULTS, times=st.integers(1, 5))
    def stripe_fails(self, kind: str, times: int) -> None:
        self.sandbox.faults({"kind": kind, "times": times, "status": 500, "method": "POST"})

    @rule()
    def stripe_works(self) -> None:
        self.sandbox.faults()

    @rule(number=st.integers(0, 99))
    def webhook(self, number: int) -> None:
        """Stripe sends any of its events, for the first time or again."""
        events = self.sandbox.objects("events")
        if events:
            self.receive(events[number % len(events)])

    def receive(self, event: dict[str, Any]) -> None:
        stored, _ = WebhookEvent.objects.get_or_create(
            provider="stripe", event_id=event["id"], defaults={"type": event["type"], "payload": event}
        )
        with contextlib.suppress(TransientError):
            process_stripe_event(webhook_event_id=stored.pk, at=self.days.now)

    @rule(number=st.integers(0, 3), card=CARDS)
    def replace_payment_method(self, number: int, card: str) -> None:
        with contextlib.suppress(NothingToPay, PaymentUnderWay):
            replace_payment_method(order_id=self.pick(number).pk, payment_method=card, at=self.days.now)

    @rule(number=st.integers(0, 3), succeeds=st.booleans())
    def authenticate(self, number: int, succeeds: bool) -> None:
        """The customer confirms on the payment page, and the shop receives no webhook."""
        charge = Charge.objects.filter(order=self.pick(number), status="requires_action").first()
        if charge is None or charge.payment_intent_id is None:
            return
        saved = SavedPaymentMethod.objects.filter(customer=charge.order.customer)
        card = saved.filter(payment_method_id=charge.payment_method).first()
        path = f"/v1/payment_intents/{charge.payment_intent_id}"
        intent = self.sandbox.api("GET", path)
        if card and intent["status"] in ("requires_payment_method", "requires_confirmation"):
            with contextlib.suppress(httpx.HTTPError, ValueError):
                form = {"payment_method": card.stripe_id}
                intent = self.sandbox.http.post(f"/stripe{path}/confirm", data=form, headers=KEY).json()
        if intent.get("status") == "requires_action":
            self.sandbox.authenticate(charge.payment_intent_id, "success" if succeeds else "fail")

    @rule(number=st.integers(0, 3), amount=st.sampled_from([None, 300, 700, 5000]))
    def refund(self, number: int, amount: int | None) -> None:
        """Staff request a refund: the rest, a part, or more than was paid."""
        with contextlib.suppress(UnableToRefund):
            request_refund(None, amount, order_number=self.pick(number).number, requested_by=self.staff)

    @rule(number=st.integers(0, 3), amount=st.sampled_from(["300", ""]))
    def refund_at_stripe(self, number: int, amount: str) -> None:
        """Staff refund in Stripe's dashboard."""
        if intent := self.paid_intent(number):
            form = {"payment_intent": intent["id"], **({"amount": amount} if amount else {})}
            with contextlib.suppress(httpx.HTTPError):  # Stripe may be down, or reject the refund
                self.sandbox.http.post("/stripe/v1/refunds", data=form, headers=KEY)

    @rule(number=st.integers(0, 9), outcome=st.sampled_from(["succeed", "fail"]))
    def bank_decides_a_refund(self, number: int, outcome: str) -> None:
        if refunds := self.sandbox.objects("refunds"):
            self.sandbox.http.post(f"/sandbox/stripe/refunds/{refunds[number % len(refunds)]['id']}/{outcome}", json={})

    @rule(number=st.integers(0, 3), reason=st.sampled_from(["fraudulent", "inquiry"]))
    def dispute(self, number: int, reason: str) -> None:
        intent = self.paid_intent(number)
        if intent and not self.sandbox.api("GET", f"/v1/disputes?payment_intent={intent['id']}")["data"]:
            self.sandbox.dispute(intent["id"], reason=reason)

    @rule(number=st.integers(0, 9), phase=st.sampled_from(["under_review", "won", "lost"]))
    def bank_decides_a_dispute(self, number: int, phase: str) -> None:
        disputes = [dispute for dispute in self.sandbox.objects("disputes") if dispute["status"] not in Dispute.CLOSED]
        if disputes:
            dispute = disputes[number % len(disputes)]["id"]
            self.sandbox.move_dispute(dispute, "updated" if phase == "under_review" else "closed", status=phase)

    def paid_intent(self, number: int) -> dict[str, Any] | None:
        order = str(self.pick(number).pk)
        paid = (intent for intent in self.sandbox.intents() if intent["status"] == "succeeded")
        return next((intent for intent in paid if intent["metadata"]["order"] == order), None)

    @rule(number=st.integers(0, 3))
    def cancel_subscription(self, number: int) -> None:
        subscriptions.cancel(
            subscription=self.pick(number).subscription, reason="staff", actor=TESTS, at=self.days.now
        )

    @rule(number=st.integers(0, 3), step=st.integers(1, 4))
    def deliver_a_late_dunning_message(self, number: int, step: int) -> None:
        with contextlib.suppress(Charge.DoesNotExist):
            dunning_steps.take_step(order_id=self.pick(number).pk, step_number=step, at=self.days.now)

    @rule(hours=st.sampled_from([1, 25, 24 * 3, 24 * 8]))
    def days_without_workers(self, hours: int) -> None:
        self.days.sleep(hours=hours)

    @rule(hours=st.sampled_from([1, 25, 24 * 3, 24 * 8, 24 * 30]))
    def days_with_workers(self, hours: int) -> None:
        self.days.pass_(hours=hours)

    @invariant()
    def all_invariants_hold(self) -> None:
        if not hasattr(self, "days"):
            return
        broken = [(verdict.invariant.name, [str(example.details) for example in verdict.examples])
                  for verdict in ledger.check_ledger() if not verdict.holds]  # fmt: skip
        assert broken == []

    @invariant()
    def no_order_is_paid_twice(self) -> None:
        if not hasattr(self, "days"):
            return
        paid = [intent["metadata"]["order"] for intent in self.sandbox.intents() if intent["status"] == "succeeded"]
        assert len(paid) == len(set(paid))

    @invariant()
    def dunning_attempts_are_a_day_apart(self) -> None:
        if not hasattr(self, "days"):
            return
        for order in self.orders:
            attempts = ChargeAttempt.objects.filter(charge__order=order, trigger="dunning").exclude(
                status__in=["without_effect"]
            )
            times = sorted(attempts.values_list("started_at", flat=True))
            assert all(later - earlier >= dt.timedelta(days=1) for earlier, later in itertools.pairwise(times))

    def teardown(self) -> None:
        """Most webhooks were never sent. After a reconciliation the shop and Stripe agree."""
        if not hasattr(self, "days"):
            return
        self.sandbox.faults()
        self.days.redeliver_everything()
        self.days.sleep(hours=1)
        run = runs.begin(since=self.opened_at - dt.timedelta(days=1), until=None, resolve=True, at=self.days.now)
        run = runs.complete(run_id=run.pk, at=self.days.now)
        assert (run.open, [str(finding) for finding in run.findings.filter(status="open")]) == (0, [])
        self.days.settle()
        self.all_invariants_hold()
        states = {intent["metadata"]["order"]: intent["status"] for intent in self.sandbox.intents()}
        for order in Order.objects.all():
            charge = Charge.objects.filter(order=order).first()
            self.assert_agrees(order, charge.status if charge else None, states.get(str(order.pk)))
        assert not DunningRun.objects.filter(status="active", order__status__in=["paid", "canceled"]).exists()
        refunds = Refund.objects.exclude(stripe_id=None).values_list("stripe_id", "amount", "status")
        at_stripe = [(refund["id"], refund["amount"], refund["status"]) for refund in self.sandbox.objects("refunds")]
        assert sorted(refunds) == sorted(at_stripe)
        assert not Refund.objects.filter(status="pending", stripe_id=None).exists()
        disputes = Dispute.objects.values_list("stripe_id", "status")
        disputes_at_stripe = [(dispute["id"], dispute["status"]) for dispute in self.sandbox.objects("disputes")]
        assert sorted(disputes) == sorted(disputes_at_stripe)

    def assert_agrees(self, order: Order, charge: str | None, at_stripe: str | None) -> None:
        assert order.status != "pending_payment", "every payment has an outcome"
        assert (charge == "succeeded") == (at_stripe == "succeeded")
        if charge == "succeeded":
            assert order.status in ("paid", "fulfilled", "refunded", "partially_refunded", "canceled")
            is_refunded = Refund.objects.filter(charge__order=order).exists()
            assert order.status != "paid" or order.fulfillment_started_at or is_refunded, "fulfillment has started"
        else:
            assert order.status in ("payment_failed", "requires_action", "canceled")


@pytest.mark.timeout(900 if EXAMPLES else 170)
@pytest.mark.django_db(transaction=True)
def test_all_invariants_hold_after_events_in_any_order(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    AnyOrder.sandbox, AnyOrder.patch = stripe_sandbox, monkeypatch
    run_state_machine_as_test(
        AnyOrder,
        settings=hypothesis_settings(
            max_examples=EXAMPLES or 10,
            stateful_step_count=25,
            deadline=None,
            derandomize=not EXAMPLES,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
        ),
    )
