"""Quote a change of plan or quantity. The quote stores the figures that the change will charge."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from uuid import UUID

from django.db import transaction

from integrations.purging import delete_in_batches
from orders import queries
from orders.models import Quote
from orders.operations.plan_changes.figures import Figures, Terms, figures
from orders.operations.plan_changes.permission import check_may_change
from subscriptions.billing_periods import AVERAGE_DAYS
from subscriptions.models import PendingChange, Price, Subscription, SubscriptionChange
from subscriptions.money import why_not_chargeable
from subscriptions.operations.locks import locked_subscription
from subscriptions.queries import price_for_sale

When = PendingChange.When

VALID_FOR = dt.timedelta(minutes=15)
KEEP_UNUSED = dt.timedelta(days=1)


class ImpossibleTerms(Exception):
    """These terms are not possible. ``field`` names the wrong field of the request."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The customer's wish. None leaves it as it is; without ``when``, the shop chooses."""

    plan: str | None = None
    quantity: int | None = None
    when: PendingChange.When | None = None


@transaction.atomic(durable=True)
def make_quote(*, subscription_id: UUID, wish: Wish, at: dt.datetime) -> Quote:
    """Quote this change. Raises ``ImpossibleTerms``, ``UnableToChange`` and ``ActionNotAllowed``."""
    subscription = locked_subscription(subscription_id=subscription_id)
    terms = _terms(subscription, wish, at=at)
    check_may_change(subscription=subscription, when=terms.when, at=at)
    begins = max(at, queries.earliest_change(subscription=subscription))
    return Quote.objects.create(
        subscription=subscription,
        price=terms.price,
        quantity=terms.quantity,
        when=terms.when,
        at=begins,
        expires_at=at + VALID_FOR,
        period_number=subscription.period_number,
        last_change=last_change(subscription=subscription),
        currency=terms.price.currency,
        **asdict(figures(subscription=subscription, terms=terms, at=begins)),
    )


def last_change(*, subscription: Subscription) -> UUID | None:
    """The id of the last change of the subscription. With the number of the period it is the subscription's version."""
    changes = SubscriptionChange.objects.filter(subscription=subscription).order_by("-pk")
    return changes.values_list("pk", flat=True).first()


def terms_of(quote: Quote) -> Terms:
    """The terms that the quote is for."""
    return Terms(price=quote.price, quantity=quote.quantity, when=When(quote.when))


def figures_of(quote: Quote) -> Figures:
    """The figures as the quote stores them."""
    return Figures(**{field.name: getattr(quote, field.name) for field in fields(Figures)})


def purge_unused_quotes(*, at: dt.datetime, batch: int = 1000) -> int:
    """Delete quotes that expired a day ago without being used; return their number."""
    unused = Quote.objects.filter(pending_change=None, expires_at__lte=at - KEEP_UNUSED)
    return delete_in_batches(unused, batch=batch)


def _terms(subscription: Subscription, wish: Wish, *, at: dt.datetime) -> Terms:
    price = _price(subscription, wish.plan, at=at)
    quantity = wish.quantity or subscription.quantity
    if (price.pk, quantity) == (subscription.price_id, subscription.quantity):
        raise ImpossibleTerms("plan", "The subscription has this plan and quantity already.")
    if price.currency != subscription.price.currency:
        raise ImpossibleTerms("plan", f"This plan is sold in {price.currency}; choose one in the same currency.")
    if price.plan.needs_address and subscription.shipping_address is None:
        raise ImpossibleTerms("plan", "This plan is shipped, and the subscription has no shipping address.")
    if reason := why_not_chargeable(amount=price.amount * quantity, currency=price.currency):
        raise ImpossibleTerms("quantity", reason)
    return Terms(price=price, quantity=quantity, when=wish.when or _usual_time(subscription, price, quantity))


def _price(subscription: Subscription, plan: str | None, *, at: dt.datetime) -> Price:
    """The current price of another plan. A subscription that stays on its plan keeps its price."""
    if plan is None or plan == subscription.plan.code:
        return subscription.price
    price = price_for_sale(code=plan, at=at)
    if price is None:
        raise ImpossibleTerms("plan", "There is no such plan for sale. See /api/v1/plans/.")
    return price


def _usual_time(subscription: Subscription, price: Price, quantity: int) -> PendingChange.When:
    """A change that costs more in the same time is made now, a cheaper one at the end of the period."""
    before = _per_day(subscription.price, subscription.quantity)
    return When.PAYMENT if _per_day(price, quantity) >= before else When.PERIOD_END


def _per_day(price: Price, quantity: int) -> Fraction:
    interval = price.billing_interval
    return Fraction(price.amount * quantity) / (Fraction(AVERAGE_DAYS[interval.unit]) * interval.count)
