"""Amounts of money in minor units, as Stripe counts them, and the amounts that Stripe charges.

The rules are from docs.stripe.com/currencies.
"""

from __future__ import annotations

# The form of an ISO 4217 code.
CURRENCY_CODE = r"^[A-Z]{3}$"
# ISK and UGX have no decimals in daily life, but Stripe counts them in hundredths.
ZERO_DECIMAL = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
THREE_DECIMAL = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))

# Eight digits in every currency.
MAX_AMOUNT = 99_999_999
# Stripe lists these minimums. For other currencies it converts 0.50 US dollars at the rate of the day, so their minimum
# cannot be stated here, and DEFAULT_MIN_AMOUNT only catches obvious mistakes.
MIN_AMOUNTS = {
    "AED": 200, "AUD": 50, "BGN": 100, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30,
    "HKD": 400, "HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200,
    "RON": 200, "SEK": 300, "SGD": 50, "THB": 1000, "USD": 50,
}  # fmt: skip
DEFAULT_MIN_AMOUNT = 50
# Amounts in these currencies must be multiples of this number: the last digits must be 0.
AMOUNT_STEPS = {**dict.fromkeys(sorted(THREE_DECIMAL), 10), "ISK": 100, "UGX": 100}


def decimals(currency: str) -> int:
    """The number of decimals of an amount in this currency."""
    if currency.upper() in ZERO_DECIMAL:
        return 0
    return 3 if currency.upper() in THREE_DECIMAL else 2


def formatted(*, amount: int, currency: str) -> str:
    """``1234567`` and ``EUR`` as ``12,345.67 EUR``; ``1234567`` and ``JPY`` as ``1,234,567 JPY``."""
    places = decimals(currency)
    whole, part = divmod(abs(amount), 10**places)
    fraction = f".{part:0{places}d}" if places else ""
    return f"{'-' if amount < 0 else ''}{whole:,}{fraction} {currency.upper()}"


def why_not_chargeable(*, amount: int, currency: str) -> str:
    """Why Stripe would reject to charge this amount, in one sentence; empty if Stripe would charge it."""
    code = currency.upper()
    minimum, step = MIN_AMOUNTS.get(code, DEFAULT_MIN_AMOUNT), AMOUNT_STEPS.get(code, 1)
    if amount < minimum:
        return f"The amount must be at least {formatted(amount=minimum, currency=code)}: Stripe charges no less."
    if amount > MAX_AMOUNT:
        return f"The amount must be at most {formatted(amount=MAX_AMOUNT, currency=code)}: Stripe charges no more."
    if amount % step:
        shown = formatted(amount=amount, currency=code)
        zeros = "0" * (len(str(step)) - 1)
        return f"An amount in {code} must end in {zeros} in minor units: Stripe does not charge {shown}."
    return ""


def whole_steps(*, amount: int, currency: str) -> int:
    """The amount, rounded down to what Stripe can move in this currency."""
    step = AMOUNT_STEPS.get(currency.upper(), 1)
    return amount // step * step


def chargeable_part(*, amount: int, currency: str) -> int:
    """The largest amount up to this one that Stripe charges, or 0 if Stripe charges no amount that small."""
    part = whole_steps(amount=min(amount, MAX_AMOUNT), currency=currency)
    return part if part >= min_chargeable(currency) else 0


def rounded_up_to_chargeable(*, amount: int, currency: str) -> int:
    """The smallest amount from this one on that Stripe charges. 0 stays 0: it needs no charge."""
    if amount <= 0:
        return 0
    step = AMOUNT_STEPS.get(currency.upper(), 1)
    return max(-(-amount // step) * step, min_chargeable(currency))


def min_chargeable(currency: str) -> int:
    """The smallest amount that Stripe charges in this currency."""
    code = currency.upper()
    minimum, step = MIN_AMOUNTS.get(code, DEFAULT_MIN_AMOUNT), AMOUNT_STEPS.get(code, 1)
    return -(-minimum // step) * step
