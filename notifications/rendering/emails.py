"""Render an e-mail as HTML and as plain text, from the same content."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from notifications.models import Notification
from notifications.rendering import formatting
from notifications.rendering.content import Content, content
from notifications.rendering.message_context import EMPTY_CONTEXT, MessageContext
from orders.models import Order
from subscriptions.locales import formats_of, language_of

MAX_NAME_LENGTH = 70  # Brevo rejects a longer recipient name


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedEmail:
    """An e-mail that is ready to be sent. ``to_name`` may be empty."""

    to_name: str
    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the order, formatted."""

    description: str
    quantity: int
    unit_amount: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """The link to the payment page: a button in HTML, an address in plain text. ``url`` is printed unchanged."""

    url: str
    last_day: str
    to_confirm: bool


def render(*, kind: Notification.Kind, order: Order, context: MessageContext = EMPTY_CONTEXT) -> RenderedEmail:
    """The e-mail in the customer's language, or in English if we do not support that language."""
    language = language_of(order.customer.locale)
    with translation.override(language):
        message = content(kind=kind, order=order, context=context)
        name = formatting.printable(order.customer.name)
        variables = _variables(order, message, name) | {"language": language, "button": _button(order, context)}
        return RenderedEmail(
            to_name=name[:MAX_NAME_LENGTH].strip(),
            subject=message.subject,
            html=render_to_string("notifications/email.html", variables),
            text=render_to_string("notifications/email.txt", variables),
        )


def _variables(order: Order, message: Content, name: str) -> dict[str, object]:
    formats = formats_of(order.customer.locale)
    return {
        "shop": formatting.printable(settings.SHOP_NAME),
        "content": message,
        "name": name,
        "number": order.number,
        "period": formatting.period(start=order.period_start, end=order.period_end, formats=formats),
        "lines": [
            Line(
                description=formatting.printable(line.description),
                quantity=line.quantity,
                unit_amount=formatting.money(amount=line.unit_amount, currency=order.currency, formats=formats),
                amount=formatting.money(amount=line.amount, currency=order.currency, formats=formats),
            )
            for line in order.lines.all()
        ],
        "total": formatting.money(amount=order.amount, currency=order.currency, formats=formats),
    }


def _button(order: Order, context: MessageContext) -> Button | None:
    page = context.page
    if page is None:
        return None
    last_day = formatting.day(page.last_day, formats=formats_of(order.customer.locale))
    return Button(url=page.url, last_day=last_day, to_confirm=context.to_confirm)
