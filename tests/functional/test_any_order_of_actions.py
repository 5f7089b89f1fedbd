"""A customer does anything in any order while the days pass: the ledger stays sound, and no day is charged twice."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from charges.operations import ledger
from orders.models import Order
from orders.operations.holds import lift_due_holds
from subscriptions.models import ApiKey, Subscription
from subscriptions.operations import renewals
from subscriptions.operations.actions import Action
from tests.support.accounts import BackEnd, customer_with_login
from tests.support.days import NOW, Days
from tests.support.factories import HARD, SCA, SOFT
from tests.support.subscriptions import subscribed

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = 12
MAX_DAYS = 12
CARDS = ["pm_card_visa"] * 6 + [SOFT, HARD, SCA]
ACTIONS = [action.value for action in Action if action != Action.CHANGE]


class Life:
    """One subscription, whose customer chooses at random."""

    def __init__(self, days: Days, seed: int) -> None:
        self.days, self.dice = days, random.Random(seed)
        customer = customer_with_login()
        self.shop = BackEnd(customer=customer)
        ApiKey.objects.update(expires_at=NOW + dt.timedelta(days=3650))
        self.subscription = subscribed(days, customer=customer, plan={"max_skips": 2, "cut_off_hours": 24})
        self.story: list[str] = []

    def step(self) -> None:
        Subscription.objects.update(payment_method=self.dice.choice(CARDS))
        self.wait(self.dice.randint(0, MAX_DAYS))
        shown = self.shop.get(f"me/subscriptions/{self.subscription.pk}/").json()
        action = self.dice.choice(ACTIONS)
        answer = self.act(action, shown)
        self.story.append(f"{self.days.now.date()} {shown['status']}: {action} {answer}")
        # An order that awaits payment forbids a pause in each status.
        allowed = action in shown["allowed_actions"]
        assert answer == 200 if allowed and action not in ("pause", "skip", "unskip") else answer in (200, 409, 422)
        assert allowed or answer == 409
        self.days.settle()

    def act(self, action: str, shown: dict[str, object]) -> int:
        path, body = action, {}
        if action in ("cancel_now", "cancel_at_period_end"):
            now = action == "cancel_now"
            path, body = "cancel", {"when": "now" if now else "period_end", "refund": now and self.dice.random() < 0.5}
        elif action == "pause":
            resume_at = self.days.now + dt.timedelta(days=self.dice.randint(1, 60))
            body = {
                "when": self.dice.choice(["now", "period_end"]),
                "resume_at": self.dice.choice([None, resume_at.isoformat()]),
            }
        elif action in ("skip", "unskip"):
            coming = shown["coming_periods"]
            assert isinstance(coming, list)
            body = {"period": self.dice.choice(coming)["number"] if coming else 1}
        return int(self.shop.act(self.subscription, path, body).status_code)

    def wait(self, days: int) -> None:
        for _ in range(days):
            self.days.pass_(days=1)
            renewals.begin_due_renewals(at=self.days.now)
            lift_due_holds(at=self.days.now)
        self.days.pass_(minutes=1)


def charged_twice() -> list[str]:
    """Paid orders whose times overlap, without those of which the unused part was left with a cancellation."""
    paid = Order.objects.filter(paid_at__isnull=False).select_related("period").order_by("period__start")
    ends = NOW
    found = []
    for order in paid:
        assert order.period is not None
        if order.period.start < ends:
            found.append(order.number)
        ends = order.period.end
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_ledger_stays_sound(days: Days, seed: int) -> None:
    life = Life(days, seed)
    for _ in range(STEPS):
        life.step()
        broken = [verdict.invariant.name for verdict in ledger.check_ledger() if not verdict.holds]
        assert (broken, charged_twice(), days.dead) == ([], [], []), "\n".join(life.story)
