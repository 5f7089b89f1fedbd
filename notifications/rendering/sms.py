"""Render an SMS: one line without names, short enough for one part."""

from __future__ import annotations

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.safestring import mark_safe

from notifications.models import Notification
from notifications.rendering import formatting
from orders.models import Order
from subscriptions.locales import formats_of, language_of


def render(*, kind: Notification.Kind, order: Order) -> str:
    """The SMS in the customer's language, or in English if we do not support that language."""
    formats = formats_of(order.contact_locale)
    amount = formatting.plain_money(amount=order.amount, currency=order.currency, formats=formats)
    variables = {
        # Marked as safe, so that Django does not escape them: an SMS has no markup.
        "shop": mark_safe(formatting.printable(settings.SHOP_NAME)),
        "number": order.number,
        "amount": amount,
        "is_free": order.amount == 0,
    }
    with translation.override(language_of(order.contact_locale)):
        return formatting.printable(render_to_string(f"notifications/{kind.value}.sms.txt", variables))
