"""Actions of customers on their subscriptions: pause, skip, cancel, come back. All are allowed actions."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from charges.operations.cancellation import cancel_now
from charges.operations.withdrawal import UnableToWithdraw, withdraw
from config.development.simulation.clock import Clock
from orders.operations import pauses, reinstatement
from orders.operations.plan_changes.permission import UnableToChange
from orders.operations.plan_changes.placing import change_plan
from orders.operations.plan_changes.quotes import ImpossibleTerms, make_quote
from orders.operations.plan_changes.quotes import Wish as ChangeWish
from subscriptions import actors
from subscriptions.actors import Actor
from subscriptions.models import Subscription
from subscriptions.operations import actions, cancellation, skips
from subscriptions.operations.actions import Action
from subscriptions.queries import plans_for_sale

NOTHING = "nothing"
WITHDRAW = "withdraw"
# How often customers choose each action, if it is allowed. It is allowed to do nothing at any time.
CHOICES: Mapping[str, int] = {
    NOTHING: 50,
    Action.CHANGE: 15,
    Action.PAUSE: 8,
    Action.RESUME: 40,
    Action.SKIP: 15,
    Action.UNSKIP: 5,
    Action.CANCEL_AT_PERIOD_END: 12,
    Action.CANCEL_NOW: 3,
    Action.UNDO: 40,
    Action.REINSTATE: 25,
    WITHDRAW: 1,
}
PAUSE_DAYS = (5, 80)
REFUSALS = (
    actions.ActionNotAllowed,
    ImpossibleTerms,
    UnableToChange,
    pauses.UnpaidOrder,
    pauses.UnsuitableEnd,
    reinstatement.UnableToReinstate,
    skips.UnableToSkip,
    UnableToWithdraw,
)

Wish = Callable[[Subscription, Actor, random.Random], object]


class Wishes:
    """Carries out the wishes of customers, and counts them."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self.counts: Counter[str] = Counter()
        self._wishes: Mapping[str, Wish] = {
            Action.CHANGE: self._change,
            Action.PAUSE: self._pause,
            Action.RESUME: self._resume,
            Action.SKIP: self._skip,
            Action.UNSKIP: self._unskip,
            Action.CANCEL_AT_PERIOD_END: self._cancel_at_period_end,
            Action.CANCEL_NOW: self._cancel_now,
            Action.UNDO: self._undo,
            Action.REINSTATE: self._reinstate,
            WITHDRAW: self._withdraw,
        }

    def choose(self, *, subscription_id: UUID, chance: random.Random) -> None:
        """The customer does one of the allowed things, or nothing."""
        subscription = Subscription.objects.select_related("plan", "price").get(pk=subscription_id)
        allowed = {NOTHING, WITHDRAW, *actions.allowed_actions(subscription=subscription, at=self._clock.now)}
        choices = {name: weight for name, weight in CHOICES.items() if name in allowed}
        choice = chance.choices(list(choices), weights=list(choices.values()))[0]
        if choice == NOTHING:
            return
        try:
            self.carry_out(choice, subscription=subscription, chance=chance)
        except REFUSALS:
            self.counts["refused wishes"] += 1
        else:
            self.counts[f"wishes to {str(choice).replace('_', ' ')}"] += 1

    def carry_out(self, wish: str, *, subscription: Subscription, chance: random.Random) -> None:
        """Do this as the customer. ``chance`` chooses the details. Raises ``REFUSALS``."""
        self._wishes[wish](subscription, actors.customer(subscription.customer_id), chance)

    def _change(self, subscription: Subscription, actor: Actor, chance: random.Random) -> None:
        """Ask for a quote for another plan, or for another quantity, and accept it."""
        others = [plan for plan in self._plans() if plan != subscription.plan.code]
        plan = chance.choice(others) if chance.random() < 0.6 else None
        quantity = None if plan else chance.choice([number for number in (1, 2, 3) if number != subscription.quantity])
        quote = make_quote(
            subscription_id=subscription.pk, wish=ChangeWish(plan=plan, quantity=quantity), at=self._clock.now
        )
        change_plan(subscription_id=subscription.pk, quote_id=quote.pk, actor=actor, at=self._clock.now)

    def _plans(self) -> Sequence[str]:
        return list(plans_for_sale(at=self._clock.now).order_by("code").values_list("code", flat=True))

    def _pause(self, subscription: Subscription, actor: Actor, chance: random.Random) -> None:
        now = self._clock.now
        at_once = chance.random() < 0.5
        begins = now if at_once else subscription.current_period_end
        resume_at = begins + dt.timedelta(days=chance.randint(*PAUSE_DAYS)) if chance.random() < 0.7 else None
        pause = pauses.pause_now if at_once else pauses.pause_at_period_end
        pause(subscription_id=subscription.pk, resume_at=resume_at, actor=actor, at=now)

    def _resume(self, subscription: Subscription, actor: Actor, _: random.Random) -> None:
        pauses.resume(subscription_id=subscription.pk, actor=actor, at=self._clock.now)

    def _skip(self, subscription: Subscription, actor: Actor, chance: random.Random) -> None:
        number = subscription.period_number + chance.randint(1, 3)
        skips.skip(subscription_id=subscription.pk, period_number=number, actor=actor, at=self._clock.now)

    def _unskip(self, subscription: Subscription, actor: Actor, chance: random.Random) -> None:
        number = subscription.period_number + chance.randint(1, 3)
        skips.unskip(subscription_id=subscription.pk, period_number=number, actor=actor, at=self._clock.now)

    def _cancel_at_period_end(self, subscription: Subscription, actor: Actor, _: random.Random) -> None:
        cancellation.cancel_at_period_end(
            subscription_id=subscription.pk, reason="customer", actor=actor, at=self._clock.now
        )

    def _cancel_now(self, subscription: Subscription, actor: Actor, chance: random.Random) -> None:
        cancel_now(
            subscription_id=subscription.pk,
            reason="customer",
            is_refunded=chance.random() < 0.5,
            actor=actor,
            at=self._clock.now,
        )

    def _undo(self, subscription: Subscription, actor: Actor, _: random.Random) -> None:
        cancellation.undo(subscription_id=subscription.pk, actor=actor, at=self._clock.now)

    def _reinstate(self, subscription: Subscription, actor: Actor, _: random.Random) -> None:
        reinstatement.reinstate(subscription_id=subscription.pk, actor=actor, at=self._clock.now)

    def _withdraw(self, subscription: Subscription, actor: Actor, _: random.Random) -> None:
        withdraw(subscription_id=subscription.pk, actor=actor, at=self._clock.now)
