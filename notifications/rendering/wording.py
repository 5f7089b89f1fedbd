"""Languages, amounts and dates as people read them, and what strangers typed made safe to print."""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import dataclass

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from integrations.brevo.facts import TEMPLATE_MARKS
from subscriptions.locales import formats_of as formats_of
from subscriptions.locales import language_of as language_of
from subscriptions.locales import major
from subscriptions.locales import money as money
from subscriptions.money import decimals


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The few words that every message shares."""

    greeting: str
    hello: str
    order: str
    period: str
    total: str
    each: str
    footer: str
    pay: str
    confirm_payment: str
    link_until: str


LABELS = {
    "en": Labels(
        greeting="Hello {name},",
        hello="Hello,",
        order="Order",
        period="Billing period",
        total="Total",
        each="each",
        footer="You receive this e-mail because it is about your order at {shop}.",
        pay="Pay now",
        confirm_payment="Confirm the payment",
        link_until="The link is good until {day}. Whoever has it can pay this order, so please do not pass it on.",
    ),
    "de": Labels(
        greeting="Guten Tag {name},",
        hello="Guten Tag,",
        order="Bestellung",
        period="Abrechnungszeitraum",
        total="Summe",
        each="je",
        footer="Sie erhalten diese E-Mail, weil sie Ihre Bestellung bei {shop} betrifft.",
        pay="Jetzt bezahlen",
        confirm_payment="Zahlung bestätigen",
        link_until="Der Link gilt bis zum {day}. Wer ihn hat, kann diese Bestellung bezahlen; "
        "geben Sie ihn bitte nicht weiter.",
    ),
}


def plain_money(*, amount: int, currency: str, formats: Locale) -> str:
    """As ``money``, with the currency's code and plain blanks.

    Every phone shows it, in the cheapest alphabet.
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
    """What somebody typed, on one line, without control characters or what Brevo would read as a template."""
    visible = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)
    return " ".join(visible.split()).translate(TEMPLATE_MARKS)


def split_name(name: str) -> tuple[str, str]:
    """First and last name, as good as it can be guessed: the last word is the last name."""
    first, _, last = " ".join(name.split()).rpartition(" ")
    return (first, last) if first else (last, "")
