"""The tables of Stripe's codes for failed payments, with the texts that staff and customers read about each code.

``DECLINE_CODES`` has every code of docs.stripe.com/declines/codes. ``ERROR_CODES`` has those codes of
docs.stripe.com/error-codes that our payments can run into. The categories are this project's own, and strict: a code is
soft only if banks are known to approve the same payment a few days later.

Stripe asks on the same page not to tell customers that a card was reported lost or stolen, or that fraud is suspected.
The customer reads the same sentence for these codes as for declines without a reason.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy


class Category(enum.StrEnum):
    """The party that must act on a failed payment. Only soft declines are attempted again automatically."""

    HARD = "hard"  # the same card will not work
    SOFT = "soft"  # the same card may work later
    CUSTOMER_ACTION = "customer_action"  # the customer must act: authenticate, correct the card, ask the bank
    OUR_FAULT = "our_fault"  # Stripe rejected our request; a developer must act


@dataclass(frozen=True, slots=True)
class Code:
    """One of Stripe's codes. Staff read ``meaning`` and ``next_step``.

    The customer reads ``customer``, a translatable text: the reason, and what to do.
    """

    category: Category
    meaning: str
    next_step: str
    customer: Promise
    needs_new_payment_method: bool = False


HARD, SOFT = Category.HARD, Category.SOFT
CUSTOMER_ACTION, OUR_FAULT = Category.CUSTOMER_ACTION, Category.OUR_FAULT

# For confidential reasons, unknown codes and declines without a reason.
NOT_APPROVED = gettext_lazy("Your bank did not approve the payment. Please use another card, or ask your bank.")
AT_ITS_LIMIT = gettext_lazy(
    "The card has reached a limit that your bank sets. Please use another card, or ask your bank."
)
CONFIRM = gettext_lazy("Your bank asks you to confirm the payment.")
EXPIRED = gettext_lazy("The card has expired. Please use a valid card.")
NOT_CONFIRMED = gettext_lazy(
    "The payment was not confirmed with your bank. Please try this card once more, or use another one."
)
NOT_COVERED = gettext_lazy("The card does not cover the amount at the moment. Please use another card, or top it up.")
NOT_FOR_THIS = gettext_lazy("The card cannot be used for this purchase. Please use another card.")
ERROR_ON_OUR_SIDE = gettext_lazy(
    "Something went wrong on our side. Nothing was charged, and you do not need to do anything."
)
UNAVAILABLE = gettext_lazy(
    "Your bank could not process the payment at the moment. It may work later, or with another card."
)
WRONG_DETAILS = gettext_lazy(
    "The card details are wrong or out of date. Please enter them again, or use another card."
)

ASK_FOR_ANOTHER_CARD = "Ask the customer for another card. Do not charge this card again."
CUSTOMER_ASKS_BANK = "Ask the customer to contact the bank, or to use another card."
CONFIDENTIAL = "Ask the customer for another card. Do not tell the customer the reason: only the bank may do so."
ENTER_CARD_AGAIN = "Ask the customer to enter the card details again, or to use another card."
FIX_AND_REDRIVE = "Tell a developer. After the fix, redrive the message from the dead-letter queue."
WAIT = "Wait: a later attempt may succeed. If attempts keep failing, ask the customer for another card."


def _confidential(meaning: str) -> Code:
    return Code(HARD, meaning, CONFIDENTIAL, NOT_APPROVED, needs_new_payment_method=True)


def _enter_again(meaning: str, customer: Promise = WRONG_DETAILS) -> Code:
    return Code(CUSTOMER_ACTION, meaning, ENTER_CARD_AGAIN, customer, needs_new_payment_method=True)


def _final(meaning: str, customer: Promise = NOT_APPROVED) -> Code:
    return Code(HARD, meaning, ASK_FOR_ANOTHER_CARD, customer, needs_new_payment_method=True)


def _later(meaning: str, customer: Promise = UNAVAILABLE) -> Code:
    return Code(SOFT, meaning, WAIT, customer)


def _our_fault(meaning: str, next_step: str = FIX_AND_REDRIVE) -> Code:
    return Code(OUR_FAULT, meaning, next_step, ERROR_ON_OUR_SIDE)


_WAIT_FOR_AUTHENTICATION = (
    "Wait: we have asked the customer to confirm the payment with the bank. The card was not declined."
)

DECLINE_CODES: dict[str, Code] = {
    "approve_with_id": _final("The bank wants to see the customer's ID, which is impossible in an online payment."),
    "authentication_not_handled": Code(
        CUSTOMER_ACTION, "The bank wants the customer to authenticate the payment.", _WAIT_FOR_AUTHENTICATION, CONFIRM
    ),
    "authentication_required": Code(
        CUSTOMER_ACTION, "The bank wants the customer to authenticate the payment.", _WAIT_FOR_AUTHENTICATION, CONFIRM
    ),
    "call_issuer": Code(
        CUSTOMER_ACTION, "The bank wants the customer to call first.", CUSTOMER_ASKS_BANK, NOT_APPROVED
    ),
    "card_not_supported": _final("The card does not allow this kind of purchase.", NOT_FOR_THIS),
    "card_velocity_exceeded": _later("The card was used too often or for too much in a short time.", AT_ITS_LIMIT),
    "currency_not_supported": _final("The card does not support this currency.", NOT_FOR_THIS),
    "do_not_honor": _later("The bank gives no reason.", NOT_APPROVED),
    "do_not_try_again": _final("The bank gives no reason, and does not allow another attempt."),
    "duplicate_transaction": Code(
        HARD,
        "The same card was charged the same amount a moment ago.",
        "Check in the Stripe dashboard whether the customer has already paid, before you ask for another card.",
        NOT_APPROVED,
    ),
    "expired_card": _enter_again("The card has expired.", EXPIRED),
    "fraudulent": _confidential("Stripe or the bank suspects fraud."),
    "generic_decline": _later("The bank gives no reason, or Stripe Radar blocked the payment.", NOT_APPROVED),
    "incorrect_address": _enter_again("The address does not match the one that the bank has."),
    "incorrect_cvc": _enter_again("The security code is wrong."),
    "incorrect_number": _enter_again("The card number is wrong."),
    "incorrect_pin": _final("The PIN is wrong. This happens at card readers only."),
    "incorrect_zip": _enter_again("The postal code does not match the one that the bank has."),
    "insufficient_funds": _later("The account does not have enough money.", NOT_COVERED),
    "invalid_account": _final("The card, or the account behind it, does not exist or is closed."),
    "invalid_amount": Code(
        CUSTOMER_ACTION, "The bank does not allow a payment of this amount.", CUSTOMER_ASKS_BANK, AT_ITS_LIMIT
    ),
    "invalid_cvc": _enter_again("The security code is wrong."),
    "invalid_expiry_month": _enter_again("The expiry month is wrong."),
    "invalid_expiry_year": _enter_again("The expiry year is wrong."),
    "invalid_number": _enter_again("The card number is wrong."),
    "invalid_pin": _final("The PIN is wrong. This happens at card readers only."),
    "issuer_not_available": _later("The bank could not be reached."),
    "lost_card": _confidential("The card was reported lost."),
    "merchant_blacklist": _confidential("The payment matches a block list in our Stripe account."),
    "mobile_device_authentication_required": Code(
        CUSTOMER_ACTION,
        "The bank wants the customer to authenticate the payment on a mobile device.",
        CUSTOMER_ASKS_BANK,
        NOT_CONFIRMED,
    ),
    "new_account_information_available": _enter_again("The card was replaced, or its account changed."),
    "no_action_taken": _final("The bank took no action and gives no reason."),
    "not_permitted": _final("The bank does not permit this payment."),
    "offline_pin_required": _final("The card requires a PIN, which is impossible in an online payment.", NOT_FOR_THIS),
    "online_or_offline_pin_required": _final(
        "The card requires a PIN, which is impossible in an online payment.", NOT_FOR_THIS
    ),
    "pickup_card": _confidential("The bank wants the card withdrawn; it may be lost or stolen."),
    "pin_try_exceeded": _final("A wrong PIN was entered too often."),
    "processing_error": _later("An error occurred at the bank, or on the way to it."),
    "reenter_transaction": _later("The bank could not process the payment and gives no reason."),
    "restricted_card": _confidential("The card is restricted; it may be lost or stolen."),
    "revocation_of_all_authorizations": _final("The customer told the bank to stop all payments to us."),
    "revocation_of_authorization": _final("The customer told the bank to stop this payment."),
    "security_violation": _confidential("The payment violates a security rule of the bank."),
    "service_not_allowed": _final("The bank does not allow this service."),
    "stolen_card": _confidential("The card was reported stolen."),
    "stop_payment_order": _final("The customer told the bank to stop this payment."),
    "testmode_decline": _final("The card is one of Stripe's test cards, which cannot pay.", NOT_FOR_THIS),
    "transaction_not_allowed": _final("The bank does not allow this kind of payment.", NOT_FOR_THIS),
    "try_again_later": _later("The bank gives no reason, and allows another attempt later.", NOT_APPROVED),
    "withdrawal_count_limit_exceeded": _later("The payment exceeds a limit of the customer's account.", AT_ITS_LIMIT),
}

ERROR_CODES: dict[str, Code] = {
    "amount_too_large": _our_fault("The amount is above Stripe's maximum for this currency."),
    "amount_too_small": _our_fault("The amount is below Stripe's minimum for this currency."),
    "card_decline_rate_limit_exceeded": Code(
        CUSTOMER_ACTION,
        "The card was declined so often that Stripe rejects it for 24 hours.",
        CUSTOMER_ASKS_BANK,
        NOT_APPROVED,
    ),
    "customer_max_payment_methods": _our_fault("The customer has the maximum number of payment methods at Stripe."),
    "parameter_invalid_empty": _our_fault("A required parameter of our request is empty."),
    "parameter_invalid_integer": _our_fault("A parameter of our request must be a whole number and is not."),
    "parameter_missing": _our_fault("A required parameter is missing from our request."),
    "parameter_unknown": _our_fault("Our request has a parameter that Stripe does not know."),
    "parameters_exclusive": _our_fault("Our request has two parameters that exclude each other."),
    "payment_intent_authentication_failure": Code(
        CUSTOMER_ACTION,
        "The customer failed or canceled the bank's authentication.",
        CUSTOMER_ASKS_BANK,
        NOT_CONFIRMED,
    ),
    "payment_intent_incompatible_payment_method": _our_fault(
        "This payment does not accept the payment method in our request."
    ),
    "resource_missing": _our_fault(
        "Stripe does not know the customer, the payment method or the payment in our request.",
        "Find out which one in Stripe's request log. If it is the payment method, ask the customer for another card. "
        "Otherwise tell a developer.",
    ),
    "setup_intent_authentication_failure": Code(
        CUSTOMER_ACTION,
        "The customer failed the bank's authentication when saving the card.",
        CUSTOMER_ASKS_BANK,
        NOT_CONFIRMED,
    ),
    "testmode_charges_only": _our_fault("Our Stripe account is not activated, and accepts test payments only."),
}
