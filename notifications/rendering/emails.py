"""Render an e-mail as HTML and as plain text, from the same content."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from notifications.models import Notification
from notifications.rendering import formatting
from notifications.rendering.content import Content, content
from notifications.rendering.message_context import EMPTY_CONTEXT, MessageContext, Receipt
from orders.models import Order, OrderLine
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
    """One line of the order, formatted. ``each``: the amount for one unit; empty for a single unit."""

    title: str
    each: str
    amount: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """The link to the payment page: a button in HTML, an address in plain text. ``url`` is printed unchanged.

    ``label`` replaces the usual words about a payment.
    """

    url: str
    last_day: str
    to_confirm: bool
    label: Promise | str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of an e-mail's table of facts. ``value`` is formatted."""

    label: Promise
    value: str


# The titles of lines that are not the price of a billing period.
LINE_TEXTS = {
    OrderLine.Kind.TRIAL: pgettext_lazy("line of an order", "%(plan)s, free trial"),
    OrderLine.Kind.DEBIT: pgettext_lazy("line of an order", "%(plan)s for the rest of the period"),
    OrderLine.Kind.UNUSED: pgettext_lazy("line of an order", "Credit for the unused time of %(plan)s"),
}
CREDIT = pgettext_lazy("line of an order", "Your credit")
CARRIED_OVER = pgettext_lazy("line of an order", "Carried over from an earlier change")
# A change may give a credit, use one, or leave an amount that is too small to be charged now.
KEPT_AS_CREDIT = pgettext_lazy("line of an order", "Kept as a credit for your next orders")
FROM_BALANCE = pgettext_lazy("line of an order", "Settled with your balance")

PLAN = pgettext_lazy("e-mail", "Plan")
PRICE = pgettext_lazy("e-mail", "Price")
PERIOD = pgettext_lazy("e-mail", "Billing period")
PAID_AT = pgettext_lazy("e-mail", "Paid on")
BEGAN_AT = pgettext_lazy("e-mail", "Trial began on")
TRIAL_ENDS = pgettext_lazy("e-mail", "Trial ends on")
NEXT_PAYMENT = pgettext_lazy("e-mail", "Next payment")
CARD = pgettext_lazy("e-mail", "Card")
CONFIRM_CARD = pgettext_lazy("e-mail", "Confirm the card")
ENTER_CARD = pgettext_lazy("e-mail", "Enter another card")


def render(*, kind: Notification.Kind, order: Order, context: MessageContext = EMPTY_CONTEXT) -> RenderedEmail:
    """The e-mail in the customer's language, or in English if we do not support that language."""
    language = language_of(order.contact_locale)
    with translation.override(language):
        message = content(kind=kind, order=order, context=context)
        name = formatting.printable(order.contact_name)
        variables = _variables(order, message, name) | {
            "language": language,
            "button": _button(order, context),
            "facts": _facts(order, context.receipt),
            "cancel_url": context.cancel_url,
        }
        return RenderedEmail(
            to_name=name[:MAX_NAME_LENGTH].strip(),
            subject=message.subject,
            html=render_to_string("notifications/email.html", variables),
            text=render_to_string("notifications/email.txt", variables),
        )


def _variables(order: Order, message: Content, name: str) -> dict[str, object]:
    formats = formats_of(order.contact_locale)
    return {
        "shop": formatting.printable(settings.SHOP_NAME),
        "content": message,
        "name": name,
        "number": order.number,
        "lines": [
            Line(
                title=_title(line, order),
                each=formatting.money(amount=line.unit_amount, currency=order.currency, formats=formats)
                if line.kind == OrderLine.Kind.PERIOD and line.quantity > 1
                else "",
                amount=formatting.money(amount=line.amount, currency=order.currency, formats=formats),
            )
            for line in order.lines.all()
        ],
        "total": formatting.money(amount=order.amount, currency=order.currency, formats=formats),
    }


def _title(line: OrderLine, order: Order) -> str:
    """The purpose of the line, in the active language."""
    if line.kind == OrderLine.Kind.BALANCE:
        is_change = order.kind == Order.Kind.CHANGE
        taken, added = (FROM_BALANCE, KEPT_AS_CREDIT) if is_change else (CREDIT, CARRIED_OVER)
        return str(taken if line.amount < 0 else added)
    named = formatting.printable(line.description)
    if line.kind != OrderLine.Kind.UNUSED:
        named = f"{line.quantity} × {named}"
    text = LINE_TEXTS.get(OrderLine.Kind(line.kind))
    return str(text) % {"plan": named} if text else named


def _facts(order: Order, receipt: Receipt | None) -> list[Fact]:
    """The billing period, and the facts of a receipt."""
    formats, zone = formats_of(order.contact_locale), order.subscription.time_zone
    period = formatting.period(start=order.period_start, end=order.period_end, time_zone=zone, formats=formats)
    facts = [Fact(label=PERIOD, value=period)]
    if receipt is None:
        return facts
    label = BEGAN_AT if receipt.is_trial else PAID_AT
    facts.append(Fact(label=label, value=formatting.moment(receipt.paid_at, time_zone=zone, formats=formats)))
    if card := formatting.card(brand=receipt.brand, last4=receipt.last4):
        facts.append(Fact(label=CARD, value=card))
    if charge := receipt.next_charge:
        if receipt.is_trial:
            ends = formatting.moment(charge.at, time_zone=zone, formats=formats)
            facts.append(Fact(label=TRIAL_ENDS, value=ends))
        amount = formatting.money(amount=charge.amount, currency=charge.price.currency, formats=formats)
        due = formatting.local_day(charge.at, time_zone=zone, formats=formats)
        facts.append(Fact(label=NEXT_PAYMENT, value=f"{due}, {amount}"))
    return facts


def _button(order: Order, context: MessageContext) -> Button | None:
    page = context.page
    if page is None:
        return None
    last_day = formatting.day(page.last_day, formats=formats_of(order.contact_locale))
    label = (CONFIRM_CARD if context.to_confirm else ENTER_CARD) if order.amount == 0 else ""
    return Button(url=page.url, last_day=last_day, to_confirm=context.to_confirm, label=label)
