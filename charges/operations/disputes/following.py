"""Following a dispute: what Stripe shows of it is believed, and the subscription that was paid for rests or ends.

- A chargeback stops the dunning of its subscription, whatever the plan says: nobody is asked for money who calls a
  payment into question. Then the plan's ``dispute_policy`` is applied, once, and what was done is written down.
- While the subscription is paused nothing is charged that was placed or begun before (see
  ``settlement.postpone_if_paused``).
- Won: what a dispute paused goes on, and so do the dunning that it stopped and the payments that were put off, unless
  another dispute stands against it.
- Lost (or refunded before it got that far): the customer did not want to pay, so nothing goes on by itself. A paused
  subscription stays paused until staff have decided.
- An inquiry is a question of the bank's, and changes nothing while it is no more than that.
"""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, Max, OuterRef, Q

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
from orders.operations.locks import locked_subscription_of
from subscriptions.models import Plan, Subscription
from subscriptions.operations import subscriptions

logger = logging.getLogger(__name__)

DISPUTED = Subscription.StatusReason.DISPUTED
Policy = Plan.DisputePolicy
WON = "won"

# As ``policy_applied``: the subscription was at rest or at its end before, so this dispute did nothing to it.
NOTHING_DONE = "none"


class DisputeDiffers(PermanentError):
    """The dispute is about another payment than this charge's: nothing is changed until somebody has looked."""


def follow(*, charge_id: UUID, dispute_id: str, at: dt.datetime) -> Dispute:
    """Read the dispute of a succeeded charge at Stripe, and make it true here.

    Raises ``DisputeDiffers``, ``Busy`` and what the gateway raises.
    """
    with session_lock(locks.charge_lock(charge_id)):
        # Read under the lock: what is read later is believed later, and never the other way round.
        found = disputes.retrieve(dispute_id=dispute_id)
        dispute = believe(charge_id=charge_id, found=found, at=at)
    # In a transaction of its own, which locks other orders of the subscription first. A death in between leaves the
    # event undone, and it comes again.
    _collect_again(dispute, at=at)
    return dispute


def _collect_again(dispute: Dispute, *, at: dt.datetime) -> None:
    """What else the customer owes is asked for again once nothing stands against it."""
    subscription = dispute.charge.order.subscription
    if dispute.status == WON and not _another_stands(subscription, dispute):
        runs.resume_for_subscription(subscription_id=subscription.pk, stopped_because=DISPUTED, at=at)
        _ask_for_what_was_put_off(subscription)


@transaction.atomic(durable=True)
def _ask_for_what_was_put_off(subscription: Subscription) -> None:
    """Payments that were to be made while the subscription was paused, and what was being made when that began."""
    orders = Order.objects.filter(
        ~Exists(Charge.objects.filter(order=OuterRef("pk")).exclude(status=Charge.Status.PENDING)),
        subscription=subscription,
        subscription__status__in=runs.COLLECTING,
        status__in=AWAITING_PAYMENT,
    )
    publish_all(
        PaymentDue(order_id=order.pk, customer_id=order.customer_id, order_number=order.number)
        for order in orders.order_by("placed_at")
    )


@transaction.atomic(durable=True)
def believe(*, charge_id: UUID, found: results.Dispute, at: dt.datetime) -> Dispute:
    """The dispute's row is as Stripe showed it, and its consequences are drawn. Raises ``DisputeDiffers``."""
    charge = locks.locked_charge(charge_id=charge_id)
    known = locks.locked_dispute(charge=charge, stripe_id=found.id)
    _check_identity(charge, known, found)
    dispute = known or Dispute(charge=charge, stripe_id=found.id)
    status_before, was_real = dispute.status, known is not None and not known.is_inquiry
    _write(dispute, found, at=at)
    if dispute.closed_at is None and (known is None or (not dispute.is_inquiry and not was_real)):
        _warn(charge, dispute)
    if not dispute.is_inquiry:
        _draw_consequences(charge, dispute, status_before=status_before, at=at)
    dispute.save()
    return dispute


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
    # A lost one that is appealed is open again.
    dispute.closed_at = (dispute.closed_at or at) if dispute.status in Dispute.CLOSED else None


def _warn(charge: Charge, dispute: Dispute) -> None:
    """Before the commit: a death in between tells it twice, where after it nobody would be told."""
    logger.warning(
        "Dispute %s (%s) about charge %s of order %s is open. Answer until %s.",
        dispute.stripe_id,
        "inquiry" if dispute.is_inquiry else "chargeback",
        charge.pk,
        charge.order.number,
        dispute.due_by.isoformat() if dispute.due_by else "Stripe names no date",
    )


def _draw_consequences(charge: Charge, dispute: Dispute, *, status_before: str, at: dt.datetime) -> None:
    if dispute.status != WON and not dispute.policy_applied:
        dispute.policy_applied = _apply_policy(charge, at=at)
        logger.info("Dispute %s: policy applied: %s.", dispute.stripe_id, dispute.policy_applied)
    elif dispute.status == WON != status_before and dispute.policy_applied:
        subscription = _locked_subscription(charge)
        if not _another_stands(subscription, dispute):
            _resume(subscription)


def _resume(subscription: Subscription) -> None:
    """What owed something before owes it still."""
    went_on = subscriptions.resume(subscription=subscription, paused_because=DISPUTED)
    if went_on and payments.has_overdue_orders(subscription=subscription):
        subscriptions.mark_past_due(subscription=subscription)


def _apply_policy(charge: Charge, *, at: dt.datetime) -> str:
    # The runs before the subscription, as dunning itself locks them.
    ending.stop_for_subscription(subscription_id=charge.order.subscription_id, reason=DISPUTED, at=at)
    subscription = _locked_subscription(charge)
    match subscription.plan.dispute_policy:
        case Policy.KEEP:
            return Policy.KEEP
        case Policy.CANCEL:
            ended = subscriptions.cancel(subscription=subscription, reason=DISPUTED, at=at)
            return Policy.CANCEL if ended else NOTHING_DONE
        case _:
            rests = subscriptions.pause(subscription=subscription, reason=DISPUTED)
            return Policy.PAUSE if rests else NOTHING_DONE


def _locked_subscription(charge: Charge) -> Subscription:
    """Lock it before reading its other disputes, so that two concurrent disputes cannot miss each other."""
    return locked_subscription_of(charge.order)


def _another_stands(subscription: Subscription, dispute: Dispute) -> bool:
    """Whether another dispute keeps the subscription from going on: one that is open, or one that was lost during this
    pause. What was lost before it, staff have decided about."""
    chargebacks = Dispute.objects.filter(charge__order__subscription=subscription, is_inquiry=False)
    paused_at = chargebacks.filter(policy_applied=Policy.PAUSE).aggregate(last=Max("created_at"))["last"]
    undecided = Q(closed_at=None) if paused_at is None else Q(closed_at=None) | Q(closed_at__gte=paused_at)
    return chargebacks.filter(undecided).exclude(pk=dispute.pk).exclude(status=WON).exists()
