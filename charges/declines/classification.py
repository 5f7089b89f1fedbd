"""Reading a decline: what kind of no it is, what staff do about it, and what the customer is told.

Asked in this order, and the first that has an answer decides:

0. Authentication: the bank asks for the customer. Not a decline, and no advice about trying again can help.
1. ``advice_code`` (docs.stripe.com/declines/card): what Stripe makes of everything that it knows.
2. ``network_advice_code``: what the card network says; ``NETWORK_ADVICE`` names the sources.
3. ``decline_code``: the table.
4. ``code``, where there is no decline code.

What nobody here knows fails closed: a code that is in no table is hard and never tried again by itself, and an advice
that we do not know takes the automatic retry from what would otherwise be soft. A request that Stripe would not take
for a reason that we do not know to lie with the card is our fault.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils.functional import Promise

from charges.declines.codes import (
    ASK_FOR_ANOTHER,
    CONFIDENTIAL,
    DECLINE_CODES,
    ENTER_AGAIN,
    ERROR_CODES,
    MEND,
    NOT_APPROVED,
    OURS,
    WAIT,
    Category,
    Code,
)
from integrations.stripe.results import Decline

__all__ = ["ADVICE", "NETWORK_ADVICE", "Advice", "Category", "DeclineReading", "classify"]

UNKNOWN = "Not in our table of codes."
LOOK_IT_UP = (
    "Look the code up at docs.stripe.com/declines/codes and have it added. "
    "Until then nothing is tried again by itself; ask for another card."
)


@dataclass(frozen=True, slots=True)
class Advice:
    """What may be done, as Stripe or the network advises. ``wait``: how long at the least before another try."""

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
# developer.cybersource.com, processorInformation.merchantAdvice.code). One digit: Visa's categories of declines, as
# Cybersource lists them. Stripe documents the field but not its values. Should it write Visa's with a zero in front,
# they would be read as Mastercard's; that is harmless, since only 2 and 02 allow another try, and they mean the same.
NETWORK_ADVICE: dict[str, Advice] = {
    "01": _DATA,  # new account information available
    "02": _SOFT,  # cannot approve at this time, try again later
    "03": _HARD,  # do not try again
    "04": _HARD,  # token not supported
    "1": _HARD,  # Visa: the issuer never approves
    "2": _SOFT,  # Visa: the issuer cannot approve at this time
    "21": _HARD,  # stop recurring payment; trying again may be fined
    "22": _HARD,  # the merchant does not qualify for the product code
    "24": _after(hours=1),
    "25": _after(hours=24),
    "26": _after(days=2),
    "27": _after(days=4),
    "28": _after(days=6),
    "29": _after(days=8),
    "3": _DATA,  # Visa: revalidate the payment information
    "30": _after(days=10),
    "40": _HARD,  # a prepaid card that cannot be topped up
    "41": _HARD,  # a virtual card for one payment only
    "42": _HARD,  # the sanctions score is too high
    "99": _HARD,  # do not try again
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineReading:
    """A decline, read. ``code`` is the most telling one that Stripe gave, for staff as is ``next_step``.

    ``decided_by``: the field that decided the category, or ``unknown``. ``wait``: how long at the least before another
    try, where the network said so.
    """

    category: Category
    decided_by: str
    code: str
    meaning: str
    next_step: str
    needs_new_card: bool
    customer: Promise
    wait: dt.timedelta = dt.timedelta(0)

    @property
    def automatic_retry(self) -> bool:
        """Whether the same card may be tried again without anybody's doing."""
        return self.category is Category.SOFT


def classify(decline: Decline, *, refused: bool = False) -> DeclineReading:
    """Read a decline. ``refused``: it was no bank's answer, Stripe would not take our request."""
    code = decline.decline_code or decline.code
    row = DECLINE_CODES.get(code) or (None if decline.decline_code else ERROR_CODES.get(code))
    if refused:
        return _by_table(row, code, decided_by="code") if row else _our_fault(code)
    if row is not None and row.category is Category.OUR_FAULT:
        row = None  # not what a bank can say
    if decline.needs_authentication:
        return _by_table(DECLINE_CODES["authentication_required"], code, decided_by="code")
    decided_by, advice = _advice(decline)
    network = NETWORK_ADVICE.get(decline.network_advice_code)
    wait = network.wait if network else dt.timedelta(0)
    if advice is not None:
        return _advised(advice, row, code, decided_by=decided_by, wait=wait)
    if row is None:
        return _closed(row, code)
    if row.category is Category.SOFT and (decline.advice_code or decline.network_advice_code):
        return _closed(row, code)
    return _by_table(row, code, decided_by="decline_code" if decline.decline_code else "code")


def _advice(decline: Decline) -> tuple[str, Advice | None]:
    """The first advice given; None where there is none, or it is one that we do not know."""
    if decline.advice_code:
        return "advice_code", ADVICE.get(decline.advice_code)
    return "network_advice_code", NETWORK_ADVICE.get(decline.network_advice_code)


def _advised(advice: Advice, row: Code | None, code: str, *, decided_by: str, wait: dt.timedelta) -> DeclineReading:
    """The advice says what to do; the code, where we know it, what it means and what the customer reads."""
    if row is not None and row.category is advice.category:
        return _by_table(row, code, decided_by=decided_by, wait=wait)
    secret = row is not None and row.next_step == CONFIDENTIAL
    return DeclineReading(
        category=advice.category,
        decided_by=decided_by,
        code=code,
        meaning=row.meaning if row else UNKNOWN,
        next_step=CONFIDENTIAL if secret else _NEXT_STEP[advice.category],
        needs_new_card=advice.category is not Category.SOFT,
        customer=row.customer if row else NOT_APPROVED,
        wait=wait,
    )


_NEXT_STEP = {
    Category.HARD: ASK_FOR_ANOTHER,
    Category.SOFT: WAIT,
    Category.CUSTOMER_ACTION: ENTER_AGAIN,
}


def _by_table(row: Code, code: str, *, decided_by: str, wait: dt.timedelta = dt.timedelta(0)) -> DeclineReading:
    return DeclineReading(
        category=row.category,
        decided_by=decided_by,
        code=code,
        meaning=row.meaning,
        next_step=row.next_step,
        needs_new_card=row.needs_new_card,
        customer=row.customer,
        wait=wait,
    )


def _closed(row: Code | None, code: str) -> DeclineReading:
    """Nobody here knows the code or the advice that came with it: hard, until somebody has looked."""
    return DeclineReading(
        category=Category.HARD,
        decided_by="unknown",
        code=code,
        meaning=row.meaning if row else UNKNOWN,
        next_step=LOOK_IT_UP,
        needs_new_card=True,
        customer=row.customer if row else NOT_APPROVED,
    )


def _our_fault(code: str) -> DeclineReading:
    return DeclineReading(
        category=Category.OUR_FAULT,
        decided_by="unknown",
        code=code,
        meaning="Stripe would not take our request. " + UNKNOWN,
        next_step=MEND,
        needs_new_card=False,
        customer=OURS,
    )
