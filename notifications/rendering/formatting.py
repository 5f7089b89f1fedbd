"""Format amounts and dates for people, and make typed text safe to print."""

from __future__ import annotations

import datetime as dt
import unicodedata

from babel import Locale
from babel.numbers import format_decimal

from integrations.brevo.facts import TEMPLATE_MARKS
from subscriptions.locales import day as day
from subscriptions.locales import every as every
from subscriptions.locales import local_day as local_day
from subscriptions.locales import major
from subscriptions.locales import moment as moment
from subscriptions.locales import money as money
from subscriptions.money import decimals


def plain_money(*, amount: int, currency: str, formats: Locale) -> str:
    """Like ``money``, but with the currency's code and ordinary spaces.

    ``amount`` is in minor units. Every phone can show the result, and it needs only the cheapest SMS alphabet.
    """
    digits = decimals(currency)
    pattern = "0" if not digits else f"0.{'0' * digits}"
    number = format_decimal(major(amount=amount, currency=currency), format=pattern, locale=formats)
    return f"{number} {currency}"


def period(*, start: dt.datetime, end: dt.datetime, time_zone: str, formats: Locale) -> str:
    """A billing period by its first and last day in the subscription's time zone; ``end`` is exclusive."""
    last = end - dt.timedelta(microseconds=1)
    first_day, last_day = (local_day(at, time_zone=time_zone, formats=formats) for at in (start, last))
    return f"{first_day} – {last_day}"


def card(*, brand: str, last4: str) -> str:
    """A card as "Visa •••• 4242"; empty if its digits are not known."""
    return f"{brand.replace('_', ' ').title()} •••• {last4}" if last4 else ""


def printable(text: str) -> str:
    """Typed text on one line, without control characters and without the marks of Brevo's template language."""
    visible = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)
    return " ".join(visible.split()).translate(TEMPLATE_MARKS)


def split_name(name: str) -> tuple[str, str]:
    """First and last name. This is a guess: the last word is the last name."""
    first, _, last = " ".join(name.split()).rpartition(" ")
    return (first, last) if first else (last, "")
