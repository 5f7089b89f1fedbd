"""Questions about payments."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from charges import declines
from charges.declines import Category, DeclineReading
from charges.models import CardExpiryWarning, Charge, ChargeAttempt, DunningRun, DunningStep, Refund, SavedPaymentMethod
from integrations.errors import PermanentError
from integrations.stripe.results import Decline
from orders.models import AWAITING_PAYMENT, Order
from subscriptions.models import PendingChange, Subscription

Status = ChargeAttempt.Status


class RefundNotFound(PermanentError):
    """No refund has this id. Trying again cannot help."""


def reading(*, attempt: ChargeAttempt) -> DeclineReading | None:
    """The meaning of the attempt's codes, or None if it did not fail.

    It is not stored, so a corrected table of codes also corrects the reading of old attempts.
    """
    if attempt.status not in (Status.DECLINED, Status.REJECTED, Status.REQUIRES_ACTION):
        return None
    decline = Decline(
        code=attempt.code,
        decline_code=attempt.decline_code,
        advice_code=attempt.advice_code,
        network_advice_code=attempt.network_advice_code,
        network_decline_code=attempt.network_decline_code,
    )
    if attempt.status == Status.REQUIRES_ACTION and not decline.needs_authentication:
        decline = dataclasses.replace(decline, code="authentication_required", decline_code="")
    return declines.classify(decline, invalid_request=attempt.status == Status.REJECTED)


def last_decline(*, order_id: UUID) -> DeclineReading | None:
    """Why the last payment method did not pay the order, or None if none was declined.

    Our own mistakes and required authentications do not count, even if they came later.
    """
    attempts = ChargeAttempt.objects.filter(
        charge__order=order_id, status__in=(Status.DECLINED, Status.REJECTED)
    ).order_by("-number")
    readings = (reading(attempt=attempt) for attempt in attempts)
    return next((found for found in readings if found and found.category is not Category.OUR_FAULT), None)


def may_attempt_again(*, charge: Charge) -> bool:
    """Whether the saved payment method may be charged again without the customer.

    The last decline was soft, or the last failure was our mistake, and the maximum of attempts is not reached. The card
    of a trial is not tried again: only the customer can help.
    """
    last = last_attempt(charge=charge)
    if charge.saves_card or last is None:
        return False
    if charge.status != Charge.Status.FAILED or _made_attempts(charge) >= settings.DUNNING_MAX_ATTEMPTS:
        return False
    read = reading(attempt=last)
    return read is not None and (read.automatic_retry or read.category is Category.OUR_FAULT)


def last_attempt(*, charge: Charge) -> ChargeAttempt | None:
    """The last attempt that was not canceled. Postponed attempts and those of a replaced method are canceled."""
    return charge.attempts.exclude(status=Status.CANCELED).order_by("number").last()


def _made_attempts(charge: Charge) -> int:
    """How many attempts reached a bank."""
    return charge.attempts.exclude(status__in=(Status.WITHOUT_EFFECT, Status.REJECTED, Status.CANCELED)).count()


def next_attempt_at(*, order_id: UUID) -> dt.datetime | None:
    """When dunning charges the saved payment method again, or None if only the customer can help."""
    step = DunningStep.objects.filter(
        run__order=order_id, run__status=DunningRun.Status.ACTIVE, status=DunningStep.Status.PLANNED
    ).first()
    charge = Charge.objects.filter(order=order_id).first()
    return step.due_at if step and charge and may_attempt_again(charge=charge) else None


def is_attempt_superseded(*, order_id: UUID, number: int) -> bool:
    """Whether the customer gets a later message: about a later attempt, a reminder, or the end of dunning."""
    since = list(ChargeAttempt.objects.filter(charge__order=order_id, number__gte=number).order_by("number"))
    if any(attempt.number > number and _is_reported(attempt) for attempt in since):
        return True
    if not since or since[0].number != number:
        return False
    ended = since[0].finished_at or since[0].started_at
    reminders = DunningStep.objects.filter(run__order=order_id, status=DunningStep.Status.REMINDED, done_at__gt=ended)
    return reminders.exists() or _exhausted_runs(order_id).filter(ended_at__gte=ended).exists()


def is_step_superseded(*, order_id: UUID, number: int) -> bool:
    """Whether the customer gets a later message: about a later step, another attempt, or the end of dunning."""
    steps = DunningStep.objects.filter(run__order=order_id)
    later = steps.filter(number__gt=number, status__in=(DunningStep.Status.ATTEMPTED, DunningStep.Status.REMINDED))
    if later.exists() or _exhausted_runs(order_id).exists():
        return True
    reminded_at = steps.filter(number=number).values_list("done_at", flat=True).first()
    if reminded_at is None:
        return False
    attempts = ChargeAttempt.objects.filter(charge__order=order_id, started_at__gt=reminded_at)
    return any(_is_reported(attempt) for attempt in attempts)


def _exhausted_runs(order_id: UUID) -> QuerySet[DunningRun]:
    return DunningRun.objects.filter(order=order_id, status=DunningRun.Status.EXHAUSTED)


def _is_reported(attempt: ChargeAttempt) -> bool:
    """Whether the customer gets a message about the outcome of this attempt, now or once it is known."""
    if attempt.status in (Status.CANCELED, Status.WITHOUT_EFFECT):
        return False
    found = reading(attempt=attempt)
    return found is None or found.category is not Category.OUR_FAULT


def refund(*, refund_id: UUID) -> Refund | None:
    """A refund with its charge and order, or None."""
    return Refund.objects.select_related("charge__order").filter(pk=refund_id).first()


def refund_of_order(*, refund_id: UUID | None, order_id: UUID) -> Refund:
    """The refund of this order's payment, with its charge. Raises ``RefundNotFound``."""
    refunds = Refund.objects.select_related("charge").filter(charge__order=order_id)
    found = refunds.filter(pk=refund_id).first() if refund_id else None
    if found is None:
        raise RefundNotFound(f"Order {order_id} has no refund {refund_id}.")
    return found


def refunds_of(*, order_number: str) -> QuerySet[Refund]:
    """The refunds of an order, newest first; none where there is no such order."""
    return Refund.objects.select_related("charge__order").filter(charge__order__number=order_number).order_by("-pk")


def payment_methods_of(*, customer_id: UUID) -> QuerySet[SavedPaymentMethod]:
    """The payment methods that the customer added while logged in, and has not removed. The caller sorts them."""
    return SavedPaymentMethod.objects.filter(customer_id=customer_id, added_at__isnull=False, removed_at=None)


def card_of_order(*, order: Order) -> SavedPaymentMethod | None:
    """The payment method that paid the order, or that pays the next one if nothing was charged. None if not known."""
    paid_with = Charge.objects.filter(order=order).values_list("payment_method", flat=True).first()
    return card_of(customer_id=order.customer_id, payment_method=paid_with or order.payment_method)


def card_of(*, customer_id: UUID, payment_method: str) -> SavedPaymentMethod | None:
    """The customer's saved payment method with this id from a checkout or a payment page, or None."""
    return SavedPaymentMethod.objects.filter(customer_id=customer_id, payment_method_id=payment_method).first()


def renewing_with(*, customer_id: Any, payment_method: Any) -> QuerySet[Subscription]:
    """The customer's subscriptions whose next renewal is charged to this payment method, the next one first."""
    ends = PendingChange.objects.filter(
        subscription=OuterRef("pk"), closed_at=None, kind__in=(PendingChange.Kind.CANCEL, PendingChange.Kind.PAUSE)
    )
    running = (Subscription.Status.TRIALING, Subscription.Status.ACTIVE, Subscription.Status.PAST_DUE)
    return Subscription.objects.filter(
        ~Exists(ends),
        customer_id=customer_id,
        payment_method=payment_method,
        status__in=running,
        renews_at__isnull=False,
    ).order_by("renews_at")


def card_expiry_warning(*, warning_id: UUID) -> CardExpiryWarning | None:
    """The warning with its card, or None if it was deleted."""
    return CardExpiryWarning.objects.select_related("payment_method").filter(pk=warning_id).first()


def why_not_warn(*, warning: CardExpiryWarning, at: dt.datetime) -> str:
    """A code if the warning is not true any more, else an empty text."""
    card = warning.payment_method
    if card.removed_at is not None:
        return "card_was_removed"
    if (card.exp_year, card.exp_month) != (warning.exp_year, warning.exp_month):
        return "card_was_replaced"
    has_passed = (warning.exp_year, warning.exp_month) < (at.year, at.month)
    return "card_has_expired" if has_passed else ""


def is_payment_method_in_use(*, saved: SavedPaymentMethod) -> bool:
    """Whether a subscription that has not ended, or an unpaid order, is charged to it."""
    running = Subscription.objects.filter(customer_id=saved.customer_id, payment_method=saved.payment_method_id)
    charged = Charge.objects.filter(
        order__customer_id=saved.customer_id,
        order__status__in=AWAITING_PAYMENT,
        payment_method=saved.payment_method_id,
    )
    return running.exclude(status=Subscription.Status.CANCELED).exists() or charged.exists()


def has_unpaid_order(*, customer_id: UUID) -> bool:
    """Whether an order of the customer awaits payment."""
    return Order.objects.filter(customer_id=customer_id, status__in=AWAITING_PAYMENT).exists()
