"""Cancel a subscription at once, with a refund of the unused part if the customer wants it.

A message about ``SubscriptionCanceled`` cancels its unpaid orders; another one stops their dunning.
"""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.db import transaction

from charges.models import Charge
from charges.operations.refunds import requests, unused_part
from charges.operations.refunds.unused_part import PaidMeanwhile
from orders.operations import balances
from subscriptions.actors import Actor
from subscriptions.models import Subscription
from subscriptions.operations import actions, cancellation, commands, subscriptions
from subscriptions.operations.actions import Action
from subscriptions.operations.commands import Command
from subscriptions.operations.locks import locked_subscription


def cancel_now(
    *,
    subscription_id: UUID,
    reason: str,
    is_refunded: bool,
    actor: Actor,
    at: dt.datetime,
    command: Command | None = None,
) -> bool:
    """End the subscription now. ``is_refunded``: refund the unused part of the current period, and the credit.

    Returns False and changes nothing if the command was carried out before. Raises ``ActionNotAllowed``, ``KeyReused``.
    """
    while True:
        try:
            return _cancel_now(subscription_id, reason, is_refunded=is_refunded, actor=actor, at=at, command=command)
        except PaidMeanwhile:
            continue


@transaction.atomic(durable=True)
def _cancel_now(
    subscription_id: UUID, reason: str, *, is_refunded: bool, actor: Actor, at: dt.datetime, command: Command | None
) -> bool:
    payments = unused_part.locked_payments(subscription_id=subscription_id, at=at) if is_refunded else []
    subscription = locked_subscription(subscription_id=subscription_id)
    if not commands.begin(subscription=subscription, command=command, at=at):
        return False
    actions.require(subscription=subscription, action=Action.CANCEL_NOW, at=at)
    if is_refunded:
        unused_part.check_all_locked(subscription=subscription, payments=payments, at=at)
    details = _refund(subscription, payments, actor=actor, at=at) if is_refunded else {}
    subscriptions.cancel(subscription=subscription, reason=reason, actor=actor, at=at, **details)
    cancellation.confirm_receipt(subscription=subscription)
    return True


def _refund(subscription: Subscription, payments: list[Charge], *, actor: Actor, at: dt.datetime) -> dict[str, int]:
    refundable = unused_part.refundable(subscription=subscription, payments=payments, at=at)
    for charge, amount in refundable.parts.items():
        requests.refund_unused_part(charge=charge, amount=amount)
    balances.take_back(subscription=subscription, refunded=refundable.credit, actor=actor, at=at)
    return {"refunded": refundable.total}
