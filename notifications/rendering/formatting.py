"""Format amounts and dates for people, and make typed text safe to print."""

from __future__ import annotations

import datetime as dt
import unicodedata

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from integrations.brevo.facts import TEMPLATE_MARKS
from subscriptions.locales import major
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


def period(*, start: dt.datetime, end: dt.datetime, formats: Locale) -> str:
    """A billing period by its first and last day; ``end`` is exclusive."""
    last = end - dt.timedelta(microseconds=1)
    return f"{day(start.date(), formats=formats)} – {day(last.date(), formats=formats)}"


def day(date: dt.date, *, formats: Locale) -> str:
    """A date as "March 3, 2026", in German "3. März 2026"."""
    return str(format_date(date, "long", formats))


def printable(text: str) -> str:
    """Typed text on one line, without control characters and without the marks of Brevo's template language."""
    visible = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)
    return " ".join(visible.split()).translate(TEMPLATE_MARKS)


def split_name(name: str) -> tuple[str, str]:
    """First and last name. This is a guess: the last word is the last name."""
    first, _, last = " ".join(name.split()).rpartition(" ")
    return (first, last) if first else (last, "")
