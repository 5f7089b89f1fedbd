"""Amounts as people read them. We keep what Stripe speaks: whole minor units (docs.stripe.com/currencies)."""

from __future__ import annotations

# Stripe takes ISK and UGX with two decimals, though nobody uses them; so they are not in here.
WITHOUT_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
# Eight digits, whatever the currency (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts).
LARGEST_AMOUNT = 99_999_999
# The third of them has to be 0: Stripe refuses anything else.
WITH_THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))


def decimals(currency: str) -> int:
    """How many digits of an amount stand after the point."""
    if currency.upper() in WITHOUT_DECIMALS:
        return 0
    return 3 if currency.upper() in WITH_THREE_DECIMALS else 2


def formatted(*, amount: int, currency: str) -> str:
    """``1234567`` and ``EUR`` as ``12,345.67 EUR``; ``1234567`` and ``JPY`` as ``1,234,567 JPY``."""
    places = decimals(currency)
    whole, part = divmod(abs(amount), 10**places)
    fraction = f".{part:0{places}d}" if places else ""
    return f"{'-' if amount < 0 else ''}{whole:,}{fraction} {currency.upper()}"


def why_not_charged(*, amount: int, currency: str) -> str:
    """Why Stripe would refuse to charge this amount, in a sentence for staff; nothing where it would not."""
    if amount > LARGEST_AMOUNT:
        largest = formatted(amount=LARGEST_AMOUNT, currency=currency)
        return f"An amount is at most {LARGEST_AMOUNT}, which is {largest}: Stripe charges no more at once."
    if currency.upper() in WITH_THREE_DECIMALS and amount % 10:
        shown = formatted(amount=amount, currency=currency)
        return f"An amount in {currency.upper()} ends in 0: Stripe refuses {shown} for its third decimal."
    return ""
