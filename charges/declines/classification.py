"""Classifies a decline: who must act, what staff do about it, and what the customer reads.

These fields are checked in this order. The first with an answer decides:

0. Authentication: the bank wants the customer to authenticate. This is not a decline, so advice on retries is ignored.
1. ``advice_code`` (docs.stripe.com/declines/card): Stripe's own advice, from everything that Stripe knows.
2. ``network_advice_code``: the card network's advice. ``NETWORK_ADVICE`` names the sources.
3. ``decline_code``: looked up in ``DECLINE_CODES``.
4. ``code``, if there is no decline code: looked up in both tables.

Unknown values fail closed. An unknown code is hard and is never attempted again automatically. Unknown advice turns a
decline that would be soft into a hard one. If Stripe rejects our request for a reason that is not known to lie with the
card, the category is ``OUR_FAULT``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.functional import Promise

from charges.declines.codes import (
    ASK_FOR_ANOTHER_CARD,
    CONFIDENTIAL,
    DECLINE_CODES,
    ENTER_CARD_AGAIN,
    ERROR_CODES,
    ERROR_ON_OUR_SIDE,
    FIX_AND_REDRIVE,
    NOT_APPROVED,
    WAIT,
    Category,
    Code,
)
from integrations.stripe.results import Decline

__all__ = ["ADVICE", "NETWORK_ADVICE", "Advice", "Category", "DeclineReading", "classify"]

UNKNOWN = "This code is not in our table."
LOOK_UP_CODE = (
    "Look up the code at docs.stripe.com/declines/codes, and ask a developer to add it to the table. "
    "The card is not charged again automatically: ask the customer for another card."
)


@dataclass(frozen=True, slots=True)
class Advice:
    """Stripe's or the card network's advice on another attempt. ``wait``: the minimum time before it."""

    category: Category
    wait: dt.timedelta = dt.timedelta(0)


_HARD, _SOFT, _DATA = Advice(Category.HARD), Advice(Category.SOFT), Advice(Category.CUSTOMER_ACTION)

ADVICE: dict[str, Advice] = {
    "confirm_card_data": _DATA,
    "do_not_try_again": _HARD,
    "try_again_later": _SOFT,
}


def _after(**wait: int) -> Advice:
    return Advice(Category.SOFT, dt.timedelta(**wait))


# Two digits: Mastercard's Merchant Advice Codes, as Braintree, Solidgate and Cybersource list them
# (developer.paypal.com/braintree/docs/reference/general/merchant-responses/merchant-advice-codes,
# developer.cybersource.com, processorInformation.merchantAdvice.code). One digit: Visa's decline categories, as
# Cybersource lists them. Stripe documents the field but not its values. If Stripe wrote Visa's values with a leading
# zero, we would read them as Mastercard's. That is harmless: only 2 and 02 allow another attempt, with one meaning.
NETWORK_ADVICE: dict[str, Advice] = {
    "01": _DATA,  # new account information is available
    "02": _SOFT,  # the issuer cannot approve now; try again later
    "03": _HARD,  # do not try again
    "04": _HARD,  # token not supported
    "1": _HARD,  # Visa: the issuer never approves
    "2": _SOFT,  # Visa: the issuer cannot approve now
    "21": _HARD,  # the customer stopped recurring payments; another attempt may be fined
    "22": _HARD,  # the merchant does not qualify for the product code
    "24": _after(hours=1),
    "25": _after(hours=24),
    "26": _after(days=2),
    "27": _after(days=4),
    "28": _after(days=6),
    "29": _after(days=8),
    "3": _DATA,  # Visa: revalidate the payment information
    "30": _after(days=10),
    "40": _HARD,  # a prepaid card that cannot be reloaded
    "41": _HARD,  # a virtual card for one payment only
    "42": _HARD,  # the sanctions score is too high
    "99": _HARD,  # do not try again
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineReading:
    """A classified decline. Staff read ``code``, ``meaning`` and ``next_step``, the customer reads ``customer``.

    ``code``: the most specific code that Stripe gave. ``decided_by``: the field that decided the category, or
    ``unknown``. ``wait``: the minimum time before another attempt, if the card network gave one.
    """

    category: Category
    decided_by: str
    code: str
    meaning: str
    next_step: str
    needs_new_payment_method: bool
    customer: Promise
    wait: dt.timedelta = dt.timedelta(0)

    @property
    def automatic_retry(self) -> bool:
        """Whether the same card may be charged again automatically."""
        return self.category is Category.SOFT


def classify(decline: Decline, *, invalid_request: bool = False) -> DeclineReading:
    """Classify a decline. ``invalid_request``: Stripe rejected our request, so no bank was asked."""
    code = decline.decline_code or decline.code
    row = DECLINE_CODES.get(code) or (None if decline.decline_code else ERROR_CODES.get(code))
    if invalid_request:
        return _by_table(row, code, decided_by="code") if row else _our_fault(code)
    if row is not None and row.category is Category.OUR_FAULT:
        row = None  # a bank's answer is never our fault
    if decline.needs_authentication:
        return _by_table(DECLINE_CODES["authentication_required"], code, decided_by="code")
    decided_by, advice = _advice(decline)
    network = NETWORK_ADVICE.get(decline.network_advice_code)
    wait = network.wait if network else dt.timedelta(0)
    if advice is not None:
        return _by_advice(advice, row, code, decided_by=decided_by, wait=wait)
    if row is None:
        return _unknown(row, code)
    if row.category is Category.SOFT and (decline.advice_code or decline.network_advice_code):
        return _unknown(row, code)
    return _by_table(row, code, decided_by="decline_code" if decline.decline_code else "code")


def _advice(decline: Decline) -> tuple[str, Advice | None]:
    """The field with the first advice, and the advice. The advice is None if it is missing or unknown."""
    if decline.advice_code:
        return "advice_code", ADVICE.get(decline.advice_code)
    return "network_advice_code", NETWORK_ADVICE.get(decline.network_advice_code)


def _by_advice(advice: Advice, row: Code | None, code: str, *, decided_by: str, wait: dt.timedelta) -> DeclineReading:
    """The advice decides the category and the next step. A known code decides the meaning and the customer's text."""
    if row is not None and row.category is advice.category:
        return _by_table(row, code, decided_by=decided_by, wait=wait)
    confidential = row is not None and row.next_step == CONFIDENTIAL
    return DeclineReading(
        category=advice.category,
        decided_by=decided_by,
        code=code,
        meaning=row.meaning if row else UNKNOWN,
        next_step=CONFIDENTIAL if confidential else _NEXT_STEP[advice.category],
        needs_new_payment_method=advice.category is not Category.SOFT,
        customer=row.customer if row else NOT_APPROVED,
        wait=wait,
    )


_NEXT_STEP = {
    Category.HARD: ASK_FOR_ANOTHER_CARD,
    Category.SOFT: WAIT,
    Category.CUSTOMER_ACTION: ENTER_CARD_AGAIN,
}


def _by_table(row: Code, code: str, *, decided_by: str, wait: dt.timedelta = dt.timedelta(0)) -> DeclineReading:
    return DeclineReading(
        category=row.category,
        decided_by=decided_by,
        code=code,
        meaning=row.meaning,
        next_step=row.next_step,
        needs_new_payment_method=row.needs_new_payment_method,
        customer=row.customer,
        wait=wait,
    )


def _unknown(row: Code | None, code: str) -> DeclineReading:
    """A decline whose code or advice is unknown: hard, until a developer adds it to the tables."""
    return DeclineReading(
        category=Category.HARD,
        decided_by="unknown",
        code=code,
        meaning=row.meaning if row else UNKNOWN,
        next_step=LOOK_UP_CODE,
        needs_new_payment_method=True,
        customer=row.customer if row else NOT_APPROVED,
    )


def _our_fault(code: str) -> DeclineReading:
    return DeclineReading(
        category=Category.OUR_FAULT,
        decided_by="unknown",
        code=code,
        meaning="Stripe rejected our request. " + UNKNOWN,
        next_step=FIX_AND_REDRIVE,
        needs_new_payment_method=False,
        customer=ERROR_ON_OUR_SIDE,
    )
