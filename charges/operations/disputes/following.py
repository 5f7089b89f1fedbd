"""Follow a dispute: save what Stripe shows, and pause or cancel the subscription that the payment was for.

- A chargeback stops the dunning of its subscription under every plan: the shop asks no customer for money who
  disputes a payment. Then the plan's ``dispute_policy`` is applied once, and saved as ``policy_applied``.
- While the subscription is paused, its placed orders and begun attempts are postponed; see
  ``settlement.postpone_if_paused``.
- If the dispute is won, the subscription that it paused resumes, and with it the stopped dunning and the postponed
  payments, unless another dispute is open.
- If it is lost (or refunded before), the customer did not want to pay, so nothing resumes. A paused subscription stays
  paused until staff decide.
- An inquiry is a question of the bank and changes nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from charges.events import PaymentDue
from charges.models import Charge, Dispute
from charges.operations import locks
from charges.operations.dunning import ending, runs
from integrations.errors import PermanentError
from integrations.locks import session_lock
from integrations.outbox.events import publish_all
from integrations.stripe import disputes, results
from orders.models import AWAITING_PAYMENT, Order
from orders.operations import payments
from orders.operations.holds import lift_hold
from orders.operations.locks import locked_subscription_of
from subscriptions import actors
from subscriptions.models import Hold, Plan, Subscription
from subscriptions.operations import holds, subscriptions

logger = logging.getLogger(__name__)

ACTOR = actors.system("charges.disputes")
DISPUTED = Hold.Reason.DISPUTED
Policy = Plan.DisputePolicy
WON = "won"

# As ``policy_applied``: the subscription was paused or canceled before, so the dispute changed nothing.
NOTHING_DONE = "none"


class DisputeDiffers(PermanentError):
    """The dispute is about another payment than this charge. Nothing is changed until a person has looked."""


def follow(*, charge_id: UUID, dispute_id: str, at: dt.datetime) -> Dispute:
    """Read the dispute of a succeeded charge at Stripe and settle it.

    Raises ``DisputeDiffers``, ``Busy`` and what the gateway raises.
    """
    with session_lock(locks.charge_lock(charge_id)):
        # Read under the lock, so that a later reading is also settled later.
        found = disputes.retrieve(dispute_id=dispute_id)
        dispute = settle(charge_id=charge_id, found=found, at=at)
    # In a separate transaction, because it locks other orders of the subscription. If the worker dies in between, the
    # event is not processed and comes again.
    _resume_collection(dispute, at=at)
    return dispute


def _resume_collection(dispute: Dispute, *, at: dt.datetime) -> None:
    """If the dispute is won and no other one is open, collect the other unpaid orders of the subscription again."""
    subscription = dispute.charge.order.subscription
    if dispute.status == WON and not _is_blocked_by_another(subscription, dispute):
        runs.resume_for_subscription(subscription_id=subscription.pk, stopped_because=DISPUTED, at=at)
        _publish_postponed_payments(subscription)


@transaction.atomic(durable=True)
def _publish_postponed_payments(subscription: Subscription) -> None:
    """Publish the payments that became due, or were under way, while the subscription was paused."""
    orders = Order.objects.filter(
        ~Exists(Charge.objects.filter(order=OuterRef("pk")).exclude(status=Charge.Status.PENDING)),
        subscription=subscription,
        subscription__status__in=subscriptions.BILLABLE,
        status__in=AWAITING_PAYMENT,
    )
    publish_all(
        PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number)
        for order in orders.order_by("placed_at")
    )


@transaction.atomic(durable=True)
def settle(*, charge_id: UUID, found: results.Dispute, at: dt.datetime) -> Dispute:
    """Save the dispute as Stripe showed it, and apply its consequences. Raises ``DisputeDiffers``."""
    charge = locks.locked_charge(charge_id=charge_id)
    known = locks.locked_dispute(charge=charge, stripe_id=found.id)
    _check_identity(charge, known, found)
    dispute = known or Dispute(charge=charge, stripe_id=found.id)
    status_before, was_real = dispute.status, known is not None and not known.is_inquiry
    _write(dispute, found, at=at)
    if dispute.closed_at is None and (known is None or (not dispute.is_inquiry and not was_real)):
        _warn(charge, dispute)
    if not dispute.is_inquiry:
        _apply_consequences(charge, dispute, status_before=status_before, at=at)
    dispute.save()
    payments.set_charged_back_amount(order=charge.order, amount=_withdrawn(charge))
    return dispute


def _withdrawn(charge: Charge) -> int:
    """The part of the charge that the bank has taken back. If it disputes an amount in another currency, it is all."""
    taken = Dispute.objects.filter(charge=charge, funds=Dispute.Funds.WITHDRAWN)
    return sum(dispute.amount if dispute.currency == charge.currency else charge.amount for dispute in taken)


def _check_identity(charge: Charge, known: Dispute | None, found: results.Dispute) -> None:
    of_charge = found.payment_intent_id == charge.payment_intent_id or (
        found.charge_id != "" and found.charge_id == charge.stripe_charge_id
    )
    if not of_charge or (known is not None and known.charge_id != charge.pk):
        raise DisputeDiffers(f"Dispute {found.id} is not about charge {charge.pk}.")


def _write(dispute: Dispute, found: results.Dispute, *, at: dt.datetime) -> None:
    dispute.status, dispute.reason = found.status[:40], found.reason[:60]
    dispute.amount, dispute.currency = found.amount, found.currency
    dispute.is_inquiry, dispute.funds = found.is_inquiry, found.funds
    dispute.opened_at, dispute.due_by = found.created, found.due_by
    # A lost dispute that is appealed is open again.
    dispute.closed_at = (dispute.closed_at or at) if dispute.status in Dispute.CLOSED else None


def _warn(charge: Charge, dispute: Dispute) -> None:
    """Log before the commit: if the worker dies in between, staff get the line twice, and not never."""
    logger.warning(
        "Dispute %s (%s) about charge %s of order %s is open. Answer until %s.",
        dispute.stripe_id,
        "inquiry" if dispute.is_inquiry else "chargeback",
        charge.pk,
        charge.order.number,
        dispute.due_by.isoformat() if dispute.due_by else "Stripe names no date",
    )


def _apply_consequences(charge: Charge, dispute: Dispute, *, status_before: str, at: dt.datetime) -> None:
    if dispute.status != WON and not dispute.policy_applied:
        dispute.policy_applied = _apply_policy(charge, at=at)
        logger.info("Dispute %s: policy applied: %s.", dispute.stripe_id, dispute.policy_applied)
    elif dispute.status == WON != status_before and dispute.policy_applied:
        subscription = _locked_subscription(charge)
        if not _is_blocked_by_another(subscription, dispute):
            lift_hold(subscription=subscription, reason=DISPUTED, actor=ACTOR, at=at)


def _apply_policy(charge: Charge, *, at: dt.datetime) -> str:
    # Lock the dunning runs before the subscription; see locks.py.
    ending.stop_for_subscription(subscription_id=charge.order.subscription_id, reason=DISPUTED, at=at)
    subscription = _locked_subscription(charge)
    match subscription.plan.dispute_policy:
        case Policy.KEEP:
            return Policy.KEEP
        case Policy.CANCEL:
            ended = subscriptions.cancel(subscription=subscription, reason=DISPUTED, actor=ACTOR, at=at)
            return Policy.CANCEL if ended else NOTHING_DONE
        case _:
            is_held = holds.place_hold(subscription=subscription, reason=DISPUTED, actor=ACTOR, at=at)
            return Policy.PAUSE if is_held else NOTHING_DONE


def _locked_subscription(charge: Charge) -> Subscription:
    """Lock it before reading its other disputes, so that two concurrent disputes cannot miss each other."""
    return locked_subscription_of(charge.order)


def _is_blocked_by_another(subscription: Subscription, dispute: Dispute) -> bool:
    """Whether another dispute forbids resuming the subscription: it is open, or was lost during this pause.

    Staff have already decided about disputes that were lost before this pause.
    """
    chargebacks = Dispute.objects.filter(charge__order__subscription=subscription, is_inquiry=False)
    hold = holds.open_hold(subscription=subscription, reason=DISPUTED)
    undecided = Q(closed_at=None) if hold is None else Q(closed_at=None) | Q(closed_at__gte=hold.placed_at)
    return chargebacks.filter(undecided).exclude(pk=dispute.pk).exclude(status=WON).exists()
