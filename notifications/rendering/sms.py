"""An SMS: one line, without names, short enough for one part."""

from __future__ import annotations

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from notifications.models import Notification
from notifications.rendering import wording
from orders.models import Order


def render(*, kind: Notification.Kind, order: Order) -> str:
    """The SMS in the customer's language, or English."""
    language = wording.language_of(order.customer.locale)
    formats = wording.formats_of(order.customer.locale)
    amount = wording.plain_money(amount=order.amount, currency=order.currency, formats=formats)
    facts = {
        # Marked as safe: an SMS has no markup to be safe from.
        "shop": mark_safe(wording.printable(settings.SHOP_NAME)),
        "number": order.number,
        "amount": amount,
    }
    return wording.printable(render_to_string(f"notifications/{language}/{kind.value}.sms.txt", facts))
