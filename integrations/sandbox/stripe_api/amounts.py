"""Amounts in the smallest unit of their currency (docs.stripe.com/currencies)."""

from __future__ import annotations

from integrations.sandbox.stripe_api.errors import StripeError

ZERO_DECIMAL = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv",
                "xaf", "xof", "xpf"}  # fmt: skip
THREE_DECIMAL = {"bhd", "jod", "kwd", "omr", "tnd"}
TWO_DECIMAL = {"aed", "afn", "all", "amd", "ars", "aud", "azn", "bam", "bdt", "bgn", "brl", "byn", "cad",
               "chf", "cny", "cop", "crc", "czk", "dkk", "dop", "dzd", "egp", "eur", "gbp", "gel", "ghs",
               "gtq", "hkd", "hnl", "huf", "idr", "ils", "inr", "isk", "jmd", "kes", "khr", "kzt", "lbp",
               "lkr", "mad", "mdl", "mkd", "mur", "mxn", "myr", "ngn", "nok", "npr", "nzd", "pab", "pen",
               "php", "pkr", "pln", "qar", "ron", "rsd", "sar", "sek", "sgd", "thb", "try", "twd", "tzs",
               "uah", "ugx", "usd", "uyu", "uzs", "yer", "zar", "zmw"}  # fmt: skip
MINIMUM = {"usd": 50, "eur": 50, "gbp": 30, "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50,
           "chf": 50, "czk": 1500, "dkk": 250, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000,
           "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50,
           "thb": 1000}  # fmt: skip
MAXIMUM = 99_999_999
# The API counts them in hundredths, but only whole units can be charged.
WHOLE_UNITS_ONLY = {"isk", "ugx"}


def check(amount: int, currency: str) -> None:
    """Raise the error of Stripe for an amount or a currency that it does not charge."""
    if currency not in ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL:
        raise StripeError(
            f"Invalid currency: {currency}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(ZERO_DECIMAL | THREE_DECIMAL | TWO_DECIMAL))}",
            param="currency",
        )
    if amount < 1:
        raise StripeError(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    minimum = MINIMUM.get(currency, 50)
    if amount < minimum:
        raise StripeError(
            f"Amount must be at least {formatted(minimum, currency)}", code="amount_too_small", param="amount"
        )
    if amount > MAXIMUM:
        raise StripeError(
            f"Amount must be no more than {formatted(MAXIMUM, currency)}",
            code="amount_too_large",
            param="amount",
        )
    if currency in THREE_DECIMAL and amount % 10:
        raise StripeError(
            f"Amounts in {currency} must end in 0: the least significant digit is ignored.", param="amount"
        )
    if currency in WHOLE_UNITS_ONLY and amount % 100:
        raise StripeError(f"Amounts in {currency} must be divisible by 100.", param="amount")


def formatted(amount: int, currency: str) -> str:
    if currency in ZERO_DECIMAL:
        return f"{amount:,} {currency}"
    digits = 3 if currency in THREE_DECIMAL else 2
    return f"{amount / 10**digits:,.{digits}f} {currency}"
