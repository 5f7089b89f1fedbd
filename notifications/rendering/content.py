"""What a message says: one template for each kind and language, plain text, made into paragraphs."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from charges.decline_codes import NOT_APPROVED, Sentence
from notifications.models import Notification
from notifications.rendering import wording
from orders.models import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Lines of plain text; nothing in them is markup."""

    subject: str
    heading: str
    paragraphs: tuple[str, ...]


def content(*, kind: Notification.Kind, order: Order, first: bool, because: Sentence = NOT_APPROVED) -> Content:
    """Render ``templates/notifications/<language>/<kind>.txt``: the subject, the heading, and paragraphs
    after a blank.

    ``first``: it is the order that the subscription began with. ``because``: why its payment failed, where it did.
    """
    language = wording.language_of(order.customer.locale)
    formats = wording.formats_of(order.customer.locale)
    facts = {
        "shop": wording.printable(settings.SHOP_NAME),
        "plan": wording.printable(order.subscription.plan.name),
        "number": order.number,
        "amount": wording.money(amount=order.amount, currency=order.currency, formats=formats),
        "because": because.in_language(language),
        "first": first,
        "is_digital": order.subscription.plan.is_digital,
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
