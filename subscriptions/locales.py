"""Languages and amounts as the customer's locale has them: in mails, texts and on the payment page alike."""

from __future__ import annotations

import copy
import re
from decimal import Decimal

from babel import Locale, UnknownLocaleError

from subscriptions.money import decimals

LANGUAGES = ("en", "de")
DEFAULT_LANGUAGE = "en"

# "KWD12.000" is how CLDR's pattern comes out for a currency without a sign of its own.
LETTER_BEFORE_DIGIT = re.compile(r"(?<=[A-Za-z])(?=\d)")


def language_of(locale: str) -> str:
    """The language that we write to this locale: its own where we speak it, else English."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


def formats_of(locale: str) -> Locale:
    """How numbers and dates look in a message to this locale.

    As its region has them, in the language of the text.
    """
    language = language_of(locale)
    try:
        parsed = Locale.parse(locale.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return Locale(language)
    return parsed if parsed.language == language else Locale(language)


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
