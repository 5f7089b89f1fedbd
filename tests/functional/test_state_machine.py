"""The life of subscriptions as a state machine: all invariants of the ledger hold after each action and time step.

Hypothesis chooses what customers, staff, the bank and Stripe do, and lets time pass while the jobs and the workers run.
An action that a subscription allows is never refused for its status, and every other action is.
``test_any_order_of_events.py`` has more about messages and webhooks that come in any order.

By default it generates the same steps in each run, so that a failure can be repeated. ``HYPOTHESIS_EXAMPLES=500``
generates 500 new examples.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
from typing import Any, ClassVar

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

from charges.models import Dispute
from charges.operations import ledger
from charges.operations.payments.new_payment_method import NothingToPay, PaymentUnderWay, replace_payment_method
from charges.operations.refunds.requests import UnableToRefund
from charges.operations.stripe_events.processing import process_stripe_event
from config.development.simulation.wishes import CHOICES, NOTHING, REFUSALS, WITHDRAW, Wishes
from integrations.errors import TransientError
from integrations.inbox.models import WebhookEvent
from orders.models import Order
from orders.operations import holds, pauses, trials
from orders.operations.checkout import Checkout, IdempotencyKey, place_checkout
from subscriptions import actors
from subscriptions.models import Price, Subscription
from subscriptions.operations import price_changes, reminders, renewals, subscriptions
from subscriptions.operations.actions import ActionNotAllowed, allowed_actions
from subscriptions.operations.customers import Buyer
from subscriptions.operations.subscriptions import Purchase
from subscriptions.operations.trials import UnableToExtend
from subscriptions.queries import current_price
from tests.support.databases import empty_database
from tests.support.days import Days
from tests.support.factories import HARD, SOFT, change_price, make_plan, request_refund, staff_user
from tests.support.sandboxes import StripeSandbox

CARDS = st.sampled_from(["pm_card_visa", "pm_card_visa", "pm_card_mastercard", SOFT, HARD])
NUMBERS = st.integers(0, 99)
MAX_SUBSCRIPTIONS = 3
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "0"))
ADDRESS = {"line1": "Lindenstr. 1", "postal_code": "10969", "city": "Berlin", "country": "DE"}


class Life(RuleBasedStateMachine):
    """A shop with up to three subscriptions."""

    sandbox: ClassVar[StripeSandbox]
    patch: ClassVar[pytest.MonkeyPatch]

    @initialize(card=CARDS, plan=NUMBERS)
    def open_the_shop(self, card: str, plan: int) -> None:
        empty_database()
        self.sandbox.reset()
        self.days = Days(self.patch, self.sandbox, start=dt.datetime.now(dt.UTC))
        self.wishes = Wishes(clock=self.days)  # type: ignore[arg-type]  # it needs ``now`` only
        self.staff = staff_user()
        self.plans = [
            make_plan(code="coffee", max_skips=2, cut_off_hours=24, renewal_reminder_days=7),
            make_plan(code="box", interval="week", amount=2450, needs_address=True, max_skips=4),
            make_plan(code="magazine", amount=490, is_digital=True, trial_days=14),
        ]
        self.subscriptions: list[Any] = []
        self.buy(card, plan, True)

    def pick(self, number: int) -> Subscription:
        chosen = self.subscriptions[number % len(self.subscriptions)]
        return Subscription.objects.select_related("plan", "price").get(pk=chosen)

    def order_of(self, number: int) -> Order:
        orders = Order.objects.filter(subscription=self.pick(number)).order_by("pk")
        return orders[number % len(orders)]

    # Customers

    @precondition(lambda self: len(self.subscriptions) < MAX_SUBSCRIPTIONS)
    @rule(card=CARDS, plan=NUMBERS, trial=st.booleans())
    def buy(self, card: str, plan: int, trial: bool) -> None:
        bought, number = self.plans[plan % len(self.plans)], len(self.subscriptions)
        price = current_price(plan=bought)
        assert price is not None
        purchase = Purchase(
            price=price, quantity=1 + plan % 2, payment_method=card, shipping_address=ADDRESS,
            time_zone="Europe/Berlin", trial_days=bought.trial_days if trial else 0,
        )  # fmt: skip
        placed = place_checkout(
            checkout=Checkout(buyer=Buyer(email=f"buyer-{number}@example.com", name="Buyer"), purchase=purchase),
            key=IdempotencyKey(caller="tests", key=str(number), request_hash=""),
            at=self.days.now,
            describe=lambda order: {"subscription": order.subscription_id.hex},
        )
        self.subscriptions.append(placed.body["subscription"])

    @rule(number=NUMBERS, details=NUMBERS)
    def customer_does_what_is_allowed(self, number: int, details: int) -> None:
        allowed = sorted(allowed_actions(subscription=self.pick(number), at=self.days.now))
        if allowed:
            self.act(number, allowed[details % len(allowed)], details)

    @rule(number=NUMBERS, details=NUMBERS)
    def customer_does_something_else(self, number: int, details: int) -> None:
        self.customer_does_what_is_allowed(number, details)

    @rule(number=NUMBERS, wish=st.sampled_from([wish for wish in CHOICES if wish != NOTHING]), details=NUMBERS)
    def customer_tries(self, number: int, wish: str, details: int) -> None:
        self.act(number, wish, details)

    def act(self, number: int, wish: str, details: int) -> None:
        subscription = self.pick(number)
        allowed = allowed_actions(subscription=subscription, at=self.days.now)
        try:
            self.wishes.carry_out(wish, subscription=subscription, chance=random.Random(details))
        except ActionNotAllowed:
            assert wish not in allowed, f"{wish} is allowed"
        except REFUSALS:
            pass
        else:
            assert wish in allowed or wish == WITHDRAW, f"{wish} is not allowed"

    @rule(number=NUMBERS, card=CARDS)
    def customer_uses_another_card(self, number: int, card: str) -> None:
        subscription = self.pick(number)
        actor = actors.customer(subscription.customer_id)
        subscriptions.set_payment_method(subscription=subscription, payment_method=card, actor=actor, at=self.days.now)

    @rule(number=NUMBERS, card=CARDS)
    def customer_pays_with_another_card(self, number: int, card: str) -> None:
        with contextlib.suppress(NothingToPay, PaymentUnderWay):
            replace_payment_method(order_id=self.order_of(number).pk, payment_method=card, at=self.days.now)

    # Staff

    @rule(number=NUMBERS)
    def staff_cancel(self, number: int) -> None:
        subscriptions.cancel(
            subscription=self.pick(number), reason="staff", actor=actors.staff(self.staff.pk), at=self.days.now
        )

    @rule(number=NUMBERS, days=st.sampled_from([None, 3, 40]))
    def staff_pause(self, number: int, days: int | None) -> None:
        with contextlib.suppress(*REFUSALS):
            pauses.pause_now(
                subscription_id=self.pick(number).pk,
                resume_at=None if days is None else self.days.now + dt.timedelta(days=days),
                actor=actors.staff(self.staff.pk),
                at=self.days.now,
            )

    @rule(number=NUMBERS)
    def staff_resume(self, number: int) -> None:
        with contextlib.suppress(*REFUSALS):
            pauses.resume(subscription_id=self.pick(number).pk, actor=actors.staff(self.staff.pk), at=self.days.now)

    @rule(number=NUMBERS)
    def staff_extend_trial(self, number: int) -> None:
        with contextlib.suppress(UnableToExtend):
            trials.extend_trial(
                subscription_id=self.pick(number).pk, by=5, actor=actors.staff(self.staff.pk), at=self.days.now
            )

    @rule(plan=NUMBERS, amount=st.sampled_from([990, 1490, 2990]))
    def staff_change_price(self, plan: int, amount: int) -> None:
        """A new price for new customers, to which all running subscriptions move with notice."""
        price: Price = change_price(self.plans[plan % len(self.plans)], amount=amount)
        price_changes.move_all(price_id=price.pk, staff_id=self.staff.pk, at=self.days.now)

    @rule(number=NUMBERS, amount=st.sampled_from([None, 300]))
    def staff_refund(self, number: int, amount: int | None) -> None:
        with contextlib.suppress(UnableToRefund):
            request_refund(None, amount, order_number=self.order_of(number).number, requested_by=self.staff)

    # Stripe and the bank

    @rule(number=NUMBERS)
    def webhook(self, number: int) -> None:
        """Stripe sends one of its events, for the first time or again."""
        events = self.sandbox.objects("events")
        if not events:
            return
        event = events[number % len(events)]
        stored, _ = WebhookEvent.objects.get_or_create(
            provider="stripe", event_id=event["id"], defaults={"type": event["type"], "payload": event}
        )
        with contextlib.suppress(TransientError):
            process_stripe_event(webhook_event_id=stored.pk, at=self.days.now)

    @rule(times=st.integers(1, 4), kind=st.sampled_from(["error", "drop_after_effect"]))
    def stripe_fails(self, times: int, kind: str) -> None:
        self.sandbox.faults({"kind": kind, "times": times, "status": 500, "method": "POST"})

    @rule(number=NUMBERS)
    def cardholder_disputes(self, number: int) -> None:
        paid = [intent for intent in self.sandbox.intents() if intent["status"] == "succeeded"]
        if paid:
            intent = paid[number % len(paid)]["id"]
            if not self.sandbox.api("GET", f"/v1/disputes?payment_intent={intent}")["data"]:
                self.sandbox.dispute(intent, reason="fraudulent")

    @rule(number=NUMBERS, status=st.sampled_from(["won", "lost"]))
    def bank_decides_dispute(self, number: int, status: str) -> None:
        disputes = [row for row in self.sandbox.objects("disputes") if row["status"] not in Dispute.CLOSED]
        if disputes:
            self.sandbox.move_dispute(disputes[number % len(disputes)]["id"], "closed", status=status)

    # Time

    @rule()
    def a_month_passes(self) -> None:
        self.time_passes(24 * 32)

    @rule(hours=st.sampled_from([1, 26, 24 * 8, 24 * 32]))
    def time_passes(self, hours: int) -> None:
        """The jobs run at least every second day, and the workers at any time."""
        end = self.days.now + dt.timedelta(hours=hours)
        while self.days.now < end:
            self.days.until(min(end, self.days.now + dt.timedelta(days=2)))
            holds.lift_due_holds(at=self.days.now)
            reminders.publish_due_reminders(at=self.days.now)
            renewals.begin_due_renewals(at=self.days.now)
        self.days.settle()

    @invariant()
    def all_invariants_hold(self) -> None:
        if not hasattr(self, "days"):
            return
        broken = [(verdict.invariant.name, [str(example.details) for example in verdict.examples])
                  for verdict in ledger.check_ledger() if not verdict.holds]  # fmt: skip
        assert broken == []

    def teardown(self) -> None:
        """When Stripe works again, two quiet months leave no payment undecided."""
        if not hasattr(self, "days"):
            return
        self.sandbox.faults()
        self.days.redeliver_everything()
        self.time_passes(24 * 32)
        self.all_invariants_hold()


@pytest.mark.timeout(1800 if EXAMPLES else 300)
@pytest.mark.django_db(transaction=True)
def test_all_invariants_hold_in_any_life_of_subscriptions(
    stripe_sandbox: StripeSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    Life.sandbox, Life.patch = stripe_sandbox, monkeypatch
    run_state_machine_as_test(
        Life,
        settings=hypothesis_settings(
            max_examples=EXAMPLES or 2,
            stateful_step_count=18,
            derandomize=not EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if EXAMPLES else (Phase.generate,),
        ),
    )
