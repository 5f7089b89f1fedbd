"""Make a quoted change of plan or quantity: apply it, place its order, or plan it for the end of the period.

The change charges exactly the figures of its quote, or it is refused: they are calculated again under the
subscription's lock and compared. A change that costs something is applied when its order is paid.
"""

from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from integrations.outbox.events import publish
from orders import queries
from orders.events import ChangeExpires, ChangePlaced
from orders.models import BalanceEntry, Order, OrderLine, Quote
from orders.operations import balances, payments
from orders.operations.contacts import contact_of
from orders.operations.plan_changes.figures import figures
from orders.operations.plan_changes.permission import UnableToChange, check_may_change
from orders.operations.plan_changes.quotes import figures_of, last_change, terms_of
from subscriptions.actors import Actor
from subscriptions.models import PendingChange, Subscription
from subscriptions.operations import boundaries, pending_changes
from subscriptions.operations.locks import locked_subscription
from subscriptions.operations.pending_changes import Planned
from subscriptions.queries import plans_for_sale

When = PendingChange.When

# After this time an unpaid change is dropped.
MAX_WAIT = dt.timedelta(days=1)


class QuoteNotFound(Exception):
    """The subscription has no such quote."""


class QuoteOutdated(UnableToChange):
    """The quote has expired or was used, or its figures are not right any more. Ask for another one."""


class Outcome(enum.StrEnum):
    """The outcome of a change."""

    APPLIED = "applied"
    AWAITS_PAYMENT = "awaits_payment"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A change that was made. ``order`` is None if it has none: it costs nothing, or is planned for later."""

    quote: Quote
    outcome: Outcome
    order: Order | None = None


@transaction.atomic(durable=True)
def change_plan(*, subscription_id: UUID, quote_id: UUID, actor: Actor, at: dt.datetime) -> Placed:
    """Make the quoted change. Raises ``QuoteNotFound``, ``UnableToChange`` and ``ActionNotAllowed``."""
    subscription = locked_subscription(subscription_id=subscription_id)
    quote = queries.quotes_of(subscription=subscription).filter(pk=quote_id).first()
    if quote is None:
        raise QuoteNotFound(f"Subscription {subscription_id} has no quote {quote_id}.")
    _check(quote, subscription, at=at)
    change = _record(quote, subscription, actor=actor, at=at)
    if quote.when == When.PERIOD_END:
        return Placed(quote=quote, outcome=Outcome.PLANNED)
    if not quote.is_prorated:
        boundaries.apply_terms(subscription=subscription, change=change, actor=actor, at=at)
        return Placed(quote=quote, outcome=Outcome.APPLIED)
    order = _place_order(quote, subscription, actor=actor, at=at)
    if order.amount == 0:
        payments.mark_paid(order=order, at=at)
        return Placed(quote=quote, outcome=Outcome.APPLIED, order=order)
    _have_it_paid(order, at=at)
    return Placed(quote=quote, outcome=Outcome.AWAITS_PAYMENT, order=order)


def _check(quote: Quote, subscription: Subscription, *, at: dt.datetime) -> None:
    if quote.pending_change_id is not None:
        raise QuoteOutdated("This quote was used. Ask for another one.")
    if at >= quote.expires_at:
        raise QuoteOutdated("This quote has expired: it was valid for 15 minutes. Ask for another one.")
    check_may_change(subscription=subscription, when=When(quote.when), at=at)
    version = (subscription.period_number, last_change(subscription=subscription))
    if version != (quote.period_number, quote.last_change) or not _is_still_sold(quote, subscription, at=at):
        raise QuoteOutdated("The subscription or the plan has changed since this quote. Ask for another one.")
    if figures(subscription=subscription, terms=terms_of(quote), at=quote.at) != figures_of(quote):
        raise QuoteOutdated("The amounts have changed since this quote. Ask for another one.")


def _is_still_sold(quote: Quote, subscription: Subscription, *, at: dt.datetime) -> bool:
    plan = quote.price.plan
    return plan == subscription.plan or plans_for_sale(at=at).filter(pk=plan.pk).exists()


def _record(quote: Quote, subscription: Subscription, *, actor: Actor, at: dt.datetime) -> PendingChange:
    planned = Planned(
        kind=PendingChange.Kind.PLAN,
        when=When(quote.when),
        price=quote.price,
        quantity=quote.quantity,
        not_before=quote.applies_at if quote.when == When.PERIOD_END else None,
    )
    change = pending_changes.plan_change(subscription=subscription, planned=planned, actor=actor, at=at)
    quote.pending_change = change
    quote.save(update_fields=["pending_change"])
    return change


def _place_order(quote: Quote, subscription: Subscription, *, actor: Actor, at: dt.datetime) -> Order:
    order = Order.objects.create(
        kind=Order.Kind.CHANGE,
        customer_id=subscription.customer_id,
        subscription=subscription,
        pending_change=quote.pending_change,
        amount=quote.amount,
        currency=quote.currency,
        payment_method=subscription.payment_method,
        shipping_address=subscription.shipping_address,
        **contact_of(subscription.customer),
        period_start=quote.applies_at,
        period_end=quote.period_end,
        placed_at=at,
    )
    _add_lines(order, quote, subscription)
    balances.settle(order=order, amount=quote.balance, reason=BalanceEntry.Reason.CHANGE, actor=actor, at=at)
    return order


def _have_it_paid(order: Order, *, at: dt.datetime) -> None:
    publish(ChangePlaced(order_id=order.pk, customer_id=order.customer_id, order_number=order.number))
    expires = ChangeExpires(order_id=order.pk, customer_id=order.customer_id, order_number=order.number)
    publish(expires, not_before=at + MAX_WAIT)


def _add_lines(order: Order, quote: Quote, subscription: Subscription) -> None:
    """The credit, if there is one, and the new price: for a whole period, or for the rest of the current one."""
    if quote.unused:
        OrderLine.objects.create(
            order=order,
            kind=OrderLine.Kind.UNUSED,
            plan=subscription.plan,
            description=subscription.plan.name,
            quantity=1,
            unit_amount=quote.paid,
            amount=quote.unused,
        )
    OrderLine.objects.create(
        order=order,
        kind=OrderLine.Kind.PERIOD if quote.begins_period else OrderLine.Kind.DEBIT,
        plan=quote.price.plan,
        description=quote.price.plan.name,
        quantity=quote.quantity,
        unit_amount=quote.price.amount,
        amount=quote.debit,
    )
