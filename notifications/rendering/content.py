"""What a message says: one template for each kind and language, plain text, made into paragraphs."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from notifications.models import Notification
from notifications.rendering import wording
from notifications.rendering.message_context import EMPTY_CONTEXT, MessageContext
from orders.models import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Lines of plain text; nothing in them is markup."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]


def content(*, kind: Notification.Kind, order: Order, context: MessageContext = EMPTY_CONTEXT) -> Content:
    """Render ``templates/notifications/<language>/<kind>.txt``: the subject, the heading, and paragraphs
    after a blank."""
    language = wording.language_of(order.customer.locale)
    formats = wording.formats_of(order.customer.locale)
    facts = {
        "shop": wording.printable(settings.SHOP_NAME),
        "plan": wording.printable(order.subscription.plan.name),
        "number": order.number,
        "amount": wording.money(amount=order.amount, currency=order.currency, formats=formats),
        "because": context.because.in_language(language),
        "first": context.first,
        "is_digital": order.subscription.plan.is_digital,
        "next_try": context.next_try_at and wording.day(context.next_try_at.astimezone(dt.UTC).date(), formats=formats),
        "to_confirm": context.to_confirm,
        "outcome": context.outcome and context.outcome.value,
        "refunded": context.refunded,
        "refunded_amount": context.refunded
        and wording.money(amount=context.refunded.amount, currency=context.refunded.currency, formats=formats),
    }
    return parse(_plain(f"notifications/{language}/{kind.value}.txt", facts))


def _plain(template: str, facts: dict[str, object]) -> str:
    """Text without markup: the HTML layout escapes it as a whole, so here nothing is escaped."""
    exact = {name: mark_safe(value) if isinstance(value, str) else value for name, value in facts.items()}
    return render_to_string(template, exact)


def parse(text: str) -> Content:
    """Take a rendered template apart."""
    head, _, body = text.strip().partition("\n\n")
    subject, _, heading = head.partition("\n")
    paragraphs = (" ".join(part.split("\n")).strip() for part in body.split("\n\n"))
    return Content(subject=subject.strip(), heading=heading.strip(), paragraphs=tuple(filter(None, paragraphs)))
