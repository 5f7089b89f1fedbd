"""Languages and formats for a customer's locale. Messages and the payment page use the same."""

from __future__ import annotations

import copy
import re
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from django.utils import translation
from django.utils.functional import Promise

from subscriptions.money import decimals

DEFAULT_LANGUAGE = "en"

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
