"""Languages and formats for a customer's locale. Messages and the payment page use the same."""

from __future__ import annotations

import copy
import datetime as dt
import re
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from subscriptions.money import decimals

DEFAULT_LANGUAGE = "en"

EVERY_ONE = {
    "week": pgettext_lazy("billing interval", "every week"),
    "month": pgettext_lazy("billing interval", "every month"),
    "year": pgettext_lazy("billing interval", "every year"),
}
EVERY = {
    "week": pgettext_lazy("billing interval", "every %(count)s weeks"),
    "month": pgettext_lazy("billing interval", "every %(count)s months"),
    "year": pgettext_lazy("billing interval", "every %(count)s years"),
}

# CLDR's pattern prints a currency without a sign of its own as "KWD12.000".
LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")


def language_of(locale: str) -> str:
    """The language in which we write to a customer with this locale: one of ``settings.LANGUAGES``, else English."""
    try:
        return translation.get_supported_language_variant(locale.replace("_", "-").lower())
    except LookupError:
        return DEFAULT_LANGUAGE


def translated(text: Promise, *, locale: str) -> str:
    """A lazily translated text in the language of this locale."""
    with translation.override(language_of(locale)):
        return str(text)


def formats_of(locale: str) -> Locale:
    """How numbers and dates look in a message to this locale.

    The locale's region decides, if the message is in the locale's language. Otherwise the message's language decides.
    """
    written = Locale.parse(language_of(locale), sep="-")
    try:
        wished = Locale.parse(locale.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return written
    return wished if wished.language == written.language else written


def money(*, amount: int, currency: str, formats: Locale) -> str:
    """``amount`` minor units with the currency's sign: 1290 EUR is "€12.90", in German "12,90 €".

    1290 JPY is "¥1,290".
    """
    digits = decimals(currency)
    # Babel's own choice of digits is the CLDR's, which has none for some currencies that are charged in
    # hundredths.
    pattern = copy.copy(formats.currency_formats["standard"])
    pattern.frac_prec = (digits, digits)
    text = pattern.apply(major(amount=amount, currency=currency), formats, currency=currency, currency_digits=False)
    return LETTER_BEFORE_DIGIT.sub("\u00a0", text)


def major(*, amount: int, currency: str) -> Decimal:
    """``amount`` minor units in the currency's own unit: 1290 EUR is 12.90."""
    return Decimal(amount).scaleb(-decimals(currency))


def day(date: dt.date, *, formats: Locale) -> str:
    """A date as "March 3, 2026", in German "3. März 2026"."""
    return str(format_date(date, "long", formats))


def local_day(at: dt.datetime, *, time_zone: str, formats: Locale) -> str:
    """The day of a moment in this time zone, written like ``day``."""
    return day(at.astimezone(ZoneInfo(time_zone)).date(), formats=formats)


def moment(at: dt.datetime, *, time_zone: str, formats: Locale) -> str:
    """Date, time and time zone of a moment, such as "March 3, 2026, 1:05:00 PM UTC"."""
    return str(format_datetime(at, "long", tzinfo=ZoneInfo(time_zone), locale=formats))


def every(*, interval: str, count: int) -> str:
    """A billing interval in the active language: "every month", "every 2 weeks". It follows an amount."""
    return str(EVERY_ONE[interval]) if count == 1 else str(EVERY[interval]) % {"count": count}
