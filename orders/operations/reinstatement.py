"""Reinstate a canceled subscription: a new period begins now, at today's price, and is charged.

The subscription is incomplete until this payment. If the payment is declined, the subscription is canceled again, and
there is no dunning.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from orders.change_figures import renewal_amount
from orders.models import AWAITING_PAYMENT, Order
from orders.operations import renewals
from orders.operations.balances import balance_of
from subscriptions.actors import Actor
from subscriptions.models import Price, Subscription
from subscriptions.money import why_not_chargeable
from subscriptions.operations import actions, commands, subscriptions
from subscriptions.operations.actions import Action
from subscriptions.operations.commands import Command
from subscriptions.operations.locks import locked_customer, locked_subscription
from subscriptions.queries import CustomerErased, price_for_sale


class UnableToReinstate(Exception):
    """The subscription cannot come back now. The message says why and what to do."""


class NotForSale(UnableToReinstate):
    """The plan is not for sale any more, or not in this quantity."""


class DataErased(UnableToReinstate):
    """The customer's data was erased, or is being erased."""

    def __init__(self) -> None:
        super().__init__("The data of this customer was erased. Check out again.")


class OrderNotCanceled(UnableToReinstate):
    """An unpaid order from before the cancellation is about to be canceled."""

    def __init__(self) -> None:
        super().__init__("The unpaid order of this subscription is being canceled. Try again in a minute.")


@transaction.atomic(durable=True)
def reinstate(*, subscription_id: UUID, actor: Actor, at: dt.datetime, command: Command | None = None) -> bool:
    """Let a canceled subscription begin again, and place the order of its new period.

    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``,
    ``NotForSale``, ``OrderNotCanceled``, ``DataErased`` and ``KeyReused``.
    """
    _lock_customer(subscription_id)
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    price = price_of_reinstatement(subscription=subscription, at=at)
    if Order.objects.filter(subscription=subscription, status__in=AWAITING_PAYMENT).exists():
        raise OrderNotCanceled
    period = subscriptions.reinstate(subscription=subscription, price=price, actor=actor, at=at)
    renewals.bill(subscription=subscription, period=period, at=at)
    return True


def first_charge(*, subscription: Subscription, price: Price) -> int:
    """The first charge of a reinstatement at this price, in minor units. It settles the subscription's balance."""
    balance = balance_of(subscription=subscription)
    return renewal_amount(total=price.amount * subscription.quantity, balance=balance, currency=price.currency)


def _lock_customer(subscription_id: UUID) -> None:
    """An erasure locks the customer, too, and cancels the subscriptions afterwards. So it misses no reinstatement."""
    customer_id = Subscription.objects.values_list("customer_id", flat=True).get(pk=subscription_id)
    try:
        locked_customer(customer_id=customer_id)
    except CustomerErased:
        raise DataErased from None


def price_of_reinstatement(*, subscription: Subscription, at: dt.datetime) -> Price:
    """The price that the canceled subscription would get now. Raises ``ActionNotAllowed`` and ``NotForSale``."""
    actions.require(subscription=subscription, action=Action.REINSTATE, at=at)
    price = price_for_sale(code=subscription.plan.code, at=at)
    if price is None:
        raise NotForSale("The plan is not for sale any more. Choose another one: see /api/v1/plans/.")
    if price.currency != subscription.price.currency:
        raise NotForSale("The plan is sold in another currency now. Check out again: see /api/v1/plans/.")
    if reason := why_not_chargeable(amount=price.amount * subscription.quantity, currency=price.currency):
        raise NotForSale(reason)
    return price
