"""The text of a message: one template for each kind renders plain text, which is split into paragraphs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from babel import Locale
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from notifications.models import Notification
from notifications.rendering import formatting
from notifications.rendering.message_context import EMPTY_CONTEXT, MessageContext
from orders.models import Order
from subscriptions.locales import formats_of
from subscriptions.queries import NextCharge


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Lines of plain text, without any markup."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]


def content(*, kind: Notification.Kind, order: Order, context: MessageContext = EMPTY_CONTEXT) -> Content:
    """Render ``templates/notifications/<kind>.txt`` in the active language.

    The template's first line is the subject, the second the heading. After a blank line come the paragraphs.
    """
    formats = formats_of(order.contact_locale)
    next_attempt = context.next_attempt_at
    refunded, receipt = context.refunded, context.receipt
    variables = {
        "shop": formatting.printable(settings.SHOP_NAME),
        "plan": formatting.printable(order.subscription.plan.name),
        "number": order.number,
        "amount": formatting.money(amount=order.amount, currency=order.currency, formats=formats),
        "because": str(context.because),
        "is_trial": receipt is not None and receipt.is_trial,
        "is_free": order.amount == 0,
        "is_change": order.kind == Order.Kind.CHANGE,
        "next_charge": receipt and receipt.next_charge and _next_charge(receipt.next_charge, order, formats),
        "is_digital": order.subscription.plan.is_digital,
        "next_attempt": next_attempt and formatting.day(next_attempt.astimezone(dt.UTC).date(), formats=formats),
        "to_confirm": context.to_confirm,
        "outcome": context.outcome and context.outcome.value,
        "refunded": refunded,
        "refunded_amount": refunded
        and formatting.money(amount=refunded.amount, currency=refunded.currency, formats=formats),
    }
    return parse(plain_text(f"notifications/{kind.value}.txt", variables))


def _next_charge(charge: NextCharge, order: Order, formats: Locale) -> dict[str, str]:
    """``day`` and ``amount`` of the next charge, formatted, and ``every``: the interval in words."""
    return {
        "day": formatting.local_day(charge.at, time_zone=order.subscription.time_zone, formats=formats),
        "amount": formatting.money(amount=charge.amount, currency=charge.price.currency, formats=formats),
        "every": formatting.every(interval=charge.price.interval, count=charge.price.interval_count),
    }


def plain_text(template: str, variables: dict[str, object]) -> str:
    """Text without markup. Nothing is escaped here, because the HTML layout escapes the whole text."""
    exact = {name: mark_safe(value) if isinstance(value, str) else value for name, value in variables.items()}
    return render_to_string(template, exact)


def parse(text: str) -> Content:
    """Split a rendered template into subject, heading and paragraphs."""
    head, _, body = text.strip().partition("\n\n")
    subject, _, heading = head.partition("\n")
    paragraphs = (" ".join(part.split("\n")).strip() for part in body.split("\n\n"))
    return Content(subject=subject.strip(), heading=heading.strip(), paragraphs=tuple(filter(None, paragraphs)))
