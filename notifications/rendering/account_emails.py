"""Render an e-mail about an account, in the layout of the e-mails about orders."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from notifications.models import Notification
from notifications.rendering import formatting
from notifications.rendering.content import parse, plain_text
from notifications.rendering.emails import MAX_NAME_LENGTH, RenderedEmail
from subscriptions.locales import formats_of, language_of
from subscriptions.models import Customer

Kind = Notification.Kind

BUTTONS = {
    Kind.ACCOUNT_CREATED: pgettext_lazy("e-mail", "Log in"),
    Kind.LOGIN_MAIL: pgettext_lazy("e-mail", "Log in"),
    Kind.ACCOUNT_ERASED: pgettext_lazy("e-mail", "Follow the erasure"),
    Kind.EMAIL_CHANGE_CONFIRMATION: pgettext_lazy("e-mail", "Confirm this address"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountContext:
    """The facts of an e-mail about an account. ``anonymous``: it must not name the customer.

    ``last_day``: the last day on which the link works; None if the text says how long it works.
    """

    url: str = ""
    code: str = ""
    last_day: dt.date | None = None
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountButton:
    """A link: a button in HTML, an address in plain text. ``url`` is printed unchanged."""

    url: str
    label: Promise


def render(*, kind: Notification.Kind, customer: Customer, context: AccountContext) -> RenderedEmail:
    """The e-mail in the customer's language, or in English if we do not support that language."""
    language = language_of(customer.locale)
    name = "" if context.anonymous else formatting.printable(customer.name)
    shop = formatting.printable(settings.SHOP_NAME)
    with translation.override(language):
        last_day = context.last_day and formatting.day(context.last_day, formats=formats_of(customer.locale))
        facts: dict[str, object] = {"shop": shop, "code": context.code, "last_day": last_day}
        content = parse(plain_text(f"notifications/{kind.value}.txt", facts))
        variables = {
            "shop": shop,
            "language": language,
            "content": content,
            "name": name,
            "code": context.code,
            "button": AccountButton(url=context.url, label=BUTTONS[kind]) if context.url else None,
        }
        return RenderedEmail(
            to_name=name[:MAX_NAME_LENGTH].strip(),
            subject=content.subject,
            html=render_to_string("notifications/email.html", variables),
            text=render_to_string("notifications/email.txt", variables),
        )
