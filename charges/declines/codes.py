"""Every code that says why a payment did not go through, with what staff and customer read about it.

``DECLINE_CODES`` is the list of docs.stripe.com/declines/codes; ``ERROR_CODES`` is what of
docs.stripe.com/error-codes a payment of ours can meet. The grouping is ours, and strict: only what a bank is known
to approve a few days later without anybody's doing is soft.

The customer never reads that a card was reported lost or stolen or that somebody suspects fraud (Stripe asks for that
on the same page). Such codes share one sentence with the declines for which the bank gives no reason at all.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


class Category(enum.StrEnum):
    """What kind of no it is. Only a soft one may be tried again without anybody's doing."""

    HARD = "hard"
    SOFT = "soft"
    CUSTOMER_ACTION = "customer_action"
    OUR_FAULT = "our_fault"


@dataclass(frozen=True, slots=True)
class Code:
    """One code of Stripe's. ``meaning`` and ``next_step`` are for staff.

    ``customer`` is what the customer reads, translatable: the reason, and what to do.
    """

    category: Category
    meaning: str
    next_step: str
    customer: Promise
    needs_new_card: bool = False


HARD, SOFT = Category.HARD, Category.SOFT
CUSTOMER_ACTION, OUR_FAULT = Category.CUSTOMER_ACTION, Category.OUR_FAULT

# The one for everything that must not be told, and for everything that we do not know.
NOT_APPROVED = gettext_lazy("Your bank did not approve the payment. Please use another card, or ask your bank.")
AT_ITS_LIMIT = gettext_lazy(
    "The card has reached a limit that your bank sets. Please use another card, or ask your bank."
)
CONFIRM = gettext_lazy("Your bank asks you to confirm the payment.")
EXPIRED = gettext_lazy("The card has expired. Please use one that is valid.")
NOT_CONFIRMED = gettext_lazy(
    "The payment was not confirmed with your bank. Please try this card once more, or use another one."
)
NOT_COVERED = gettext_lazy("The card does not cover the amount at the moment. Please use another card, or top it up.")
NOT_FOR_THIS = gettext_lazy("The card cannot be used for this purchase. Please use another card.")
OURS = gettext_lazy("Something went wrong on our side. Nothing was charged, and you need not do anything.")
UNAVAILABLE = gettext_lazy(
    "Your bank could not process the payment at the moment. It may work later, or with another card."
)
WRONG_DETAILS = gettext_lazy(
    "The details of the card are not correct or out of date. Please enter them again, or use another card."
)

ASK_FOR_ANOTHER = "Ask for another card; do not try this one again."
ASK_THE_BANK = "The customer asks the bank, or gives another card."
CONFIDENTIAL = "Ask for another card. Do not tell the customer why; only the bank may."
ENTER_AGAIN = "The customer enters the card again, or another one."
MEND = "Tell a developer. Once it is mended, send the message again from the dead-letter queue."
WAIT = "Nothing yet: it may pass later. If it goes on, ask for another card."


def _confidential(meaning: str) -> Code:
    return Code(HARD, meaning, CONFIDENTIAL, NOT_APPROVED, needs_new_card=True)


def _enter_again(meaning: str, customer: Promise = WRONG_DETAILS) -> Code:
    return Code(CUSTOMER_ACTION, meaning, ENTER_AGAIN, customer, needs_new_card=True)


def _final(meaning: str, customer: Promise = NOT_APPROVED) -> Code:
    return Code(HARD, meaning, ASK_FOR_ANOTHER, customer, needs_new_card=True)


def _later(meaning: str, customer: Promise = UNAVAILABLE) -> Code:
    return Code(SOFT, meaning, WAIT, customer)


def _ours(meaning: str, next_step: str = MEND) -> Code:
    return Code(OUR_FAULT, meaning, next_step, OURS)


_AUTHENTICATE = "Wait: the customer was asked to confirm the payment with the bank. It is not a decline."

DECLINE_CODES: dict[str, Code] = {
    "approve_with_id": _final("The bank wants to see who pays, which it cannot in a shop like ours."),
    "authentication_not_handled": Code(
        CUSTOMER_ACTION, "The bank wants the customer to authenticate the payment.", _AUTHENTICATE, CONFIRM
    ),
    "authentication_required": Code(
        CUSTOMER_ACTION, "The bank wants the customer to authenticate the payment.", _AUTHENTICATE, CONFIRM
    ),
    "call_issuer": Code(CUSTOMER_ACTION, "The bank wants to hear from the customer first.", ASK_THE_BANK, NOT_APPROVED),
    "card_not_supported": _final("The card does not allow this kind of purchase.", NOT_FOR_THIS),
    "card_velocity_exceeded": _later("The card was used too often or for too much in a short time.", AT_ITS_LIMIT),
    "currency_not_supported": _final("The card does not pay in this currency.", NOT_FOR_THIS),
    "do_not_honor": _later("The bank gives no reason.", NOT_APPROVED),
    "do_not_try_again": _final("The bank gives no reason, and does not want to be asked again."),
    "duplicate_transaction": Code(
        HARD,
        "The same amount was taken from the same card a moment ago.",
        "See in Stripe whether the customer has paid already before anything is tried again.",
        NOT_APPROVED,
    ),
    "expired_card": _enter_again("The card has expired.", EXPIRED),
    "fraudulent": _confidential("Stripe or the bank suspects fraud."),
    "generic_decline": _later("The bank gives no reason, or Stripe Radar blocked the payment.", NOT_APPROVED),
    "incorrect_address": _enter_again("The bank knows another address of the cardholder."),
    "incorrect_cvc": _enter_again("The security code is wrong."),
    "incorrect_number": _enter_again("The card number is wrong."),
    "incorrect_pin": _final("A wrong PIN was entered; this happens at card readers only."),
    "incorrect_zip": _enter_again("The bank knows another postal code of the cardholder."),
    "insufficient_funds": _later("There is not enough money on the account.", NOT_COVERED),
    "invalid_account": _final("The card, or the account behind it, does not exist or is closed."),
    "invalid_amount": Code(
        CUSTOMER_ACTION, "The bank does not allow a payment of this amount.", ASK_THE_BANK, AT_ITS_LIMIT
    ),
    "invalid_cvc": _enter_again("The security code is wrong."),
    "invalid_expiry_month": _enter_again("The month of expiry is wrong."),
    "invalid_expiry_year": _enter_again("The year of expiry is wrong."),
    "invalid_number": _enter_again("The card number is wrong."),
    "invalid_pin": _final("A wrong PIN was entered; this happens at card readers only."),
    "issuer_not_available": _later("The bank could not be reached."),
    "lost_card": _confidential("The card was reported lost."),
    "merchant_blacklist": _confidential("The payment matches one of the block lists in our Stripe account."),
    "mobile_device_authentication_required": Code(
        CUSTOMER_ACTION, "The bank wants the customer to confirm on the phone.", ASK_THE_BANK, NOT_CONFIRMED
    ),
    "new_account_information_available": _enter_again("The card was replaced, or its account has changed."),
    "no_action_taken": _final("The bank gives no reason and did nothing."),
    "not_permitted": _final("The bank does not permit this payment."),
    "offline_pin_required": _final("The card wants a PIN, which only a card reader can ask for.", NOT_FOR_THIS),
    "online_or_offline_pin_required": _final(
        "The card wants a PIN, which only a card reader can ask for.", NOT_FOR_THIS
    ),
    "pickup_card": _confidential("The bank wants the card taken away; it may be lost or stolen."),
    "pin_try_exceeded": _final("A wrong PIN was entered too often."),
    "processing_error": _later("Something went wrong on the way to the bank or at the bank."),
    "reenter_transaction": _later("The bank could not process the payment for a reason that it does not give."),
    "restricted_card": _confidential("The card is restricted; it may be lost or stolen."),
    "revocation_of_all_authorizations": _final("The customer had the bank stop all payments to us."),
    "revocation_of_authorization": _final("The customer had the bank stop this payment."),
    "security_violation": _confidential("The bank sees its security rules violated."),
    "service_not_allowed": _final("The bank does not allow this service."),
    "stolen_card": _confidential("The card was reported stolen."),
    "stop_payment_order": _final("The customer had the bank stop this payment."),
    "testmode_decline": _final("It is one of Stripe's test cards, which pay nothing.", NOT_FOR_THIS),
    "transaction_not_allowed": _final("The bank does not allow this kind of payment.", NOT_FOR_THIS),
    "try_again_later": _later("The bank gives no reason, and may be asked again later.", NOT_APPROVED),
    "withdrawal_count_limit_exceeded": _later("The customer is over a limit of the account.", AT_ITS_LIMIT),
}

ERROR_CODES: dict[str, Code] = {
    "amount_too_large": _ours("The amount is more than Stripe takes in this currency."),
    "amount_too_small": _ours("The amount is less than Stripe takes in this currency."),
    "card_decline_rate_limit_exceeded": Code(
        CUSTOMER_ACTION,
        "The card was declined so often that Stripe takes it again only after a day.",
        ASK_THE_BANK,
        NOT_APPROVED,
    ),
    "customer_max_payment_methods": _ours("The customer has as many cards at Stripe as are allowed."),
    "parameter_invalid_empty": _ours("Our request leaves empty what must be filled."),
    "parameter_invalid_integer": _ours("Our request has something else where a whole number belongs."),
    "parameter_missing": _ours("Our request lacks something."),
    "parameter_unknown": _ours("Our request says something that Stripe does not know."),
    "parameters_exclusive": _ours("Our request says two things that exclude each other."),
    "payment_intent_authentication_failure": Code(
        CUSTOMER_ACTION,
        "The customer did not pass, or broke off, the bank's authentication.",
        ASK_THE_BANK,
        NOT_CONFIRMED,
    ),
    "payment_intent_incompatible_payment_method": _ours("Our request names a card that this payment does not take."),
    "resource_missing": _ours(
        "Stripe does not know the customer, the card or the payment that we named.",
        "See in Stripe's log which one. Where it is the card, ask for another; otherwise tell a developer.",
    ),
    "setup_intent_authentication_failure": Code(
        CUSTOMER_ACTION,
        "The customer did not pass the bank's authentication when saving the card.",
        ASK_THE_BANK,
        NOT_CONFIRMED,
    ),
    "testmode_charges_only": _ours("Our Stripe account is not activated, and takes test payments only."),
}
