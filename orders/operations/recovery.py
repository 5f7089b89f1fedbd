"""Find the work of this app that is stuck. ``integrations.outbox.recovery`` publishes it again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists

from integrations.outbox.events import Event
from integrations.outbox.queries import live_messages
from integrations.outbox.recovery import Finder, Window
from orders.events import ChangeExpires
from orders.models import AWAITING_PAYMENT, Order
from orders.operations.plan_changes.placing import MAX_WAIT
from subscriptions.models import BillingPeriod
from subscriptions.operations.periods import renewal_due
from subscriptions.operations.subscriptions import BILLABLE

# The tasks that do the work.
PLACE_RENEWAL, DROP_CHANGE = "orders.place_renewal", "orders.drop_unpaid_change"


def renewals_not_placed(window: Window) -> Sequence[Event]:
    """Periods that have begun and have no order."""
    waiting = BillingPeriod.objects.filter(
        ~Exists(live_messages(task=PLACE_RENEWAL, about="subscription", sent_since=window.stuck)),
        outcome=BillingPeriod.Outcome.DUE,
        subscription__status__in=BILLABLE,
        at__range=(window.given_up, window.stuck),
    ).select_related("subscription")
    return [renewal_due(period) for period in waiting.order_by("at")[: window.batch]]


def late_changes(window: Window) -> Sequence[Event]:
    """Changes of plan or quantity that should have been paid or dropped by now."""
    unpaid = Order.objects.filter(
        ~Exists(live_messages(task=DROP_CHANGE, about="pk", sent_since=window.stuck)),
        kind=Order.Kind.CHANGE,
        status__in=AWAITING_PAYMENT,
        placed_at__lte=window.stuck - MAX_WAIT,
    )
    return [
        ChangeExpires(order_id=order.pk, customer_id=order.customer_id, order_number=order.number)
        for order in unpaid.order_by("placed_at")[: window.batch]
    ]


FINDERS: dict[str, Finder] = {"renewals not placed": renewals_not_placed, "late changes": late_changes}
