"""Whether the plan or the quantity of a subscription may be changed now."""

from __future__ import annotations

import datetime as dt

from orders import queries
from subscriptions.models import BillingPeriod, PendingChange, Subscription
from subscriptions.operations import actions, skips
from subscriptions.operations.actions import Action
from subscriptions.operations.pending_changes import open_change

When = PendingChange.When


class UnableToChange(Exception):
    """The subscription cannot be changed at this moment. The message tells the customer why and what to do."""


def check_may_change(*, subscription: Subscription, when: PendingChange.When, at: dt.datetime) -> None:
    """Check that the locked subscription allows a change. Raises ``ActionNotAllowed`` and ``UnableToChange``."""
    actions.require(subscription=subscription, action=Action.CHANGE, at=at)
    waiting = open_change(subscription=subscription, kind=PendingChange.Kind.PLAN)
    if waiting is not None and waiting.when == When.PAYMENT:
        raise UnableToChange("Another change waits for its payment. Pay it, undo it, or wait until it is dropped.")
    if queries.unpaid_order_of(subscription=subscription) is not None:
        raise UnableToChange("An order of this subscription is not paid yet. Pay it first.")
    if at >= subscription.current_period_end or _is_being_billed(subscription):
        raise UnableToChange("The subscription is being renewed at this moment. Try again in a few minutes.")
    if when == When.PAYMENT and at >= skips.next_cut_off(subscription=subscription):
        raise UnableToChange(
            "The next delivery is being prepared. Make the change with `when`: `period_end`; it applies to the "
            "delivery after that one."
        )


def _is_being_billed(subscription: Subscription) -> bool:
    due = BillingPeriod.objects.filter(subscription=subscription, outcome=BillingPeriod.Outcome.DUE)
    return due.exists()
