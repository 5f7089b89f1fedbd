"""Find the work of this app that is stuck. ``integrations.outbox.recovery`` publishes it again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists

from integrations.outbox.events import Event
from integrations.outbox.queries import live_messages
from integrations.outbox.recovery import Finder, Window
from subscriptions.models import BillingPeriod
from subscriptions.operations.periods import renewal_due
from subscriptions.operations.subscriptions import BILLABLE

PLACE_RENEWAL = "orders.place_renewal"  # the task that does the work


def renewals_not_placed(window: Window) -> Sequence[Event]:
    """Periods that have begun and have no order."""
    waiting = BillingPeriod.objects.filter(
        ~Exists(live_messages(task=PLACE_RENEWAL, about="subscription", sent_since=window.stuck)),
        outcome=BillingPeriod.Outcome.DUE,
        subscription__status__in=BILLABLE,
        at__range=(window.given_up, window.stuck),
    ).select_related("subscription")
    return [renewal_due(period) for period in waiting.order_by("at")[: window.batch]]


FINDERS: dict[str, Finder] = {"renewals not placed": renewals_not_placed}
