"""An e-mail in both forms, from the same words."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string

from notifications.models import Notification
from notifications.rendering import wording
from notifications.rendering.content import Content, content
from notifications.rendering.message_context import EMPTY_CONTEXT, MessageContext, PaymentPage
from orders.models import Order

MAX_NAME_LENGTH = 70  # Brevo refuses a recipient with a longer one


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedEmail:
    """Ready to be sent. ``to_name`` may be empty."""

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
    """Something to do: a button in HTML, an address in plain text. ``url`` goes out as it is."""

    label: str
    url: str
    note: str


def render(*, kind: Notification.Kind, order: Order, context: MessageContext = EMPTY_CONTEXT) -> RenderedEmail:
    """The e-mail in the customer's language, or English."""
    message = content(kind=kind, order=order, context=context)
    name = wording.printable(order.customer.name)
    button = _button(order, context.page, to_confirm=context.to_confirm)
    variables = _variables(order, message, name) | {"button": button}
    return RenderedEmail(
        to_name=name[:MAX_NAME_LENGTH].strip(),
        subject=message.subject,
        html=render_to_string("notifications/email.html", variables),
        text=render_to_string("notifications/email.txt", variables),
    )


def _variables(order: Order, message: Content, name: str) -> dict[str, object]:
    language = wording.language_of(order.customer.locale)
    formats = wording.formats_of(order.customer.locale)
    labels = wording.LABELS[language]
    shop = wording.printable(settings.SHOP_NAME)
    return {
        "language": language,
        "shop": shop,
        "content": message,
        "greeting": labels.greeting.format(name=name) if name else labels.hello,
        "labels": labels,
        "footer": labels.footer.format(shop=shop),
        "number": order.number,
        "period": wording.period(start=order.period_start, end=order.period_end, formats=formats),
        "lines": [
            Line(
                description=wording.printable(line.description),
                quantity=line.quantity,
                unit_amount=wording.money(amount=line.unit_amount, currency=order.currency, formats=formats),
                amount=wording.money(amount=line.amount, currency=order.currency, formats=formats),
            )
            for line in order.lines.all()
        ],
        "total": wording.money(amount=order.amount, currency=order.currency, formats=formats),
    }


def _button(order: Order, page: PaymentPage | None, *, to_confirm: bool) -> Button | None:
    if page is None:
        return None
    labels = wording.LABELS[wording.language_of(order.customer.locale)]
    last_day = wording.day(page.last_day, formats=wording.formats_of(order.customer.locale))
    return Button(
        label=labels.confirm_payment if to_confirm else labels.pay,
        url=page.url,
        note=labels.link_until.format(day=last_day),
    )
