"""The test cards: one table with the behavior of each `pm_card_*` and `tok_*` (docs.stripe.com/testing).

Stripe has test cards for a few declines only. For each code of `DECLINES` the sandbox adds two cards.
`pm_card_chargeDeclined_<decline_code>` also declines on attach, as Stripe's decline cards do.
`pm_card_chargeCustomerFail_<decline_code>` attaches, and then declines each charge. Both are Mastercards, and their
declines carry a `network_advice_code`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Sca = Literal["never", "always", "unless_set_up", "on_session"]
RefundBehavior = Literal["succeeds", "pending", "fails"]


@dataclass(frozen=True, slots=True)
class Decline:
    """How an issuer declines. There is no decline code if Stripe declined without asking the issuer."""

    decline_code: str | None
    message: str = "Your card was declined."
    code: str = "card_declined"
    param: str | None = None
    advice_code: str | None = "try_again_later"
    network_decline_code: str | None = None
    network_advice_code: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. `attach` and `charge` are the declines of these two operations, if any."""

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    attach: Decline | None = None
    charge: Decline | None = None
    sca: Sca = "never"
    refund: RefundBehavior = "succeeds"
    dispute: str | None = None


LATER, NEVER, DATA = "try_again_later", "do_not_try_again", "confirm_card_data"

# decline_code: (advice_code, network_decline_code, network_advice_code). The network's codes are ISO 8583
# response codes and Mastercard's advice codes, as the networks usually combine them.
_ADVICE: dict[str, tuple[str | None, str, str]] = {
    "generic_decline": (LATER, "05", "02"),
    "insufficient_funds": (LATER, "51", "02"),
    "do_not_honor": (LATER, "05", "02"),
    "try_again_later": (LATER, "91", "02"),
    "processing_error": (LATER, "96", "02"),
    "issuer_not_available": (LATER, "91", "02"),
    "card_velocity_exceeded": (LATER, "61", "02"),
    "reenter_transaction": (LATER, "19", "02"),
    "withdrawal_count_limit_exceeded": (LATER, "65", "02"),
    "lost_card": (NEVER, "41", "03"),
    "stolen_card": (NEVER, "43", "03"),
    "pickup_card": (NEVER, "04", "03"),
    "restricted_card": (NEVER, "62", "03"),
    "fraudulent": (None, "59", "03"),
    "do_not_try_again": (NEVER, "03", "03"),
    "revocation_of_authorization": (NEVER, "R1", "21"),
    "revocation_of_all_authorizations": (NEVER, "R3", "21"),
    "stop_payment_order": (NEVER, "R0", "21"),
    "invalid_account": (NEVER, "14", "01"),
    "transaction_not_allowed": (NEVER, "57", "03"),
    "card_not_supported": (NEVER, "57", "03"),
    "currency_not_supported": (NEVER, "57", "03"),
    "expired_card": (DATA, "54", "01"),
    "incorrect_cvc": (DATA, "N7", "01"),
    "incorrect_number": (DATA, "14", "01"),
    "invalid_expiry_month": (DATA, "54", "01"),
    "invalid_expiry_year": (DATA, "54", "01"),
    "new_account_information_available": (DATA, "78", "01"),
}

# Declines that have their own error code instead of `card_declined`, and the parameter that the error names.
_OWN_CODE: dict[str, str | None] = {
    "processing_error": None,
    "expired_card": "exp_month",
    "incorrect_cvc": "cvc",
    "incorrect_number": "number",
    "invalid_expiry_month": "exp_month",
    "invalid_expiry_year": "exp_year",
}

_MESSAGES: dict[str, str] = {
    "insufficient_funds": "Your card has insufficient funds.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "card_velocity_exceeded": (
        "Your card was declined for making repeated attempts too frequently or exceeding its amount limit."
    ),
    "card_not_supported": "Your card is not supported.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "incorrect_number": "Your card number is incorrect.",
    "invalid_expiry_month": "Your card's expiration month is invalid.",
    "invalid_expiry_year": "Your card's expiration year is invalid.",
}

DECLINES: dict[str, Decline] = {
    decline_code: Decline(
        decline_code,
        _MESSAGES.get(decline_code, "Your card was declined."),
        code=decline_code if decline_code in _OWN_CODE else "card_declined",
        param=_OWN_CODE.get(decline_code),
        advice_code=advice,
        network_decline_code=network_decline,
        network_advice_code=network_advice,
    )
    for decline_code, (advice, network_decline, network_advice) in _ADVICE.items()
}


def _declines(last4: str, decline_code: str, *, brand: str = "visa") -> Card:
    """A card that declines on attach and on charge. Real test cards carry no network advice."""
    decline = replace(DECLINES[decline_code], network_advice_code=None, network_decline_code=None)
    return Card(brand=brand, last4=last4, attach=decline, charge=decline)


def _declines_later(last4: str, decline_code: str = "generic_decline") -> Card:
    return replace(_declines(last4, decline_code), attach=None)


# One line for each test card; the name follows `pm_card_` or `tok_`.
_NAMED: dict[str, Card] = {
    "visa": Card(),
    "visa_debit": Card(last4="5556", funding="debit"),
    "mastercard": Card(brand="mastercard", last4="4444"),
    "mastercard_debit": Card(brand="mastercard", last4="8210", funding="debit"),
    "mastercard_prepaid": Card(brand="mastercard", last4="5100", funding="prepaid"),
    "amex": Card(brand="amex", last4="0005"),
    "discover": Card(brand="discover", last4="1117"),
    "diners": Card(brand="diners", last4="0004"),
    "jcb": Card(brand="jcb", last4="0505"),
    "unionpay": Card(brand="unionpay", last4="0005"),
    "visa_chargeDeclined": _declines("0002", "generic_decline"),
    "chargeDeclined": _declines("0002", "generic_decline"),
    "visa_chargeDeclinedInsufficientFunds": _declines("9995", "insufficient_funds"),
    "chargeDeclinedInsufficientFunds": _declines("9995", "insufficient_funds"),
    "visa_chargeDeclinedLostCard": _declines("9987", "lost_card"),
    "visa_chargeDeclinedStolenCard": _declines("9979", "stolen_card"),
    "visa_chargeDeclinedFraudulent": _declines("0019", "fraudulent"),
    "chargeDeclinedFraudulent": _declines("0019", "fraudulent"),
    "radarBlock": _declines("0019", "fraudulent"),
    "chargeDeclinedExpiredCard": _declines("0069", "expired_card"),
    "visa_chargeDeclinedExpiredCard": _declines("0069", "expired_card"),
    "chargeDeclinedIncorrectCvc": _declines("0127", "incorrect_cvc"),
    "visa_chargeDeclinedIncorrectCvc": _declines("0127", "incorrect_cvc"),
    "chargeDeclinedProcessingError": _declines("0119", "processing_error"),
    "visa_chargeDeclinedProcessingError": _declines("0119", "processing_error"),
    "visa_chargeDeclinedVelocityLimitExceeded": _declines("6975", "card_velocity_exceeded"),
    "chargeCustomerFail": _declines_later("0341"),
    "visa_chargeCustomerFail": _declines_later("0341"),
    "visa_chargeCustomerFailLostCard": _declines_later("0341", "lost_card"),
    "visa_chargeCustomerFailStolenCard": _declines_later("0341", "stolen_card"),
    "authenticationRequired": Card(last4="3184", sca="always"),
    "threeDSecure2Required": Card(last4="3220", sca="always"),
    "authenticationRequiredOnSetup": Card(last4="3155", sca="unless_set_up"),
    "authenticationRequiredSetupForOffSession": Card(last4="0446", sca="on_session"),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        last4="3178", sca="unless_set_up", charge=_declines("3178", "insufficient_funds").charge
    ),
    "createDispute": Card(last4="0259", dispute="fraudulent"),
    "createDisputeProductNotReceived": Card(last4="2685", dispute="product_not_received"),
    "createDisputeInquiry": Card(last4="1976", dispute="inquiry"),
    "pendingRefund": Card(last4="7726", refund="pending"),
    "refundFail": Card(last4="5126", refund="fails"),
}
for _code, _decline in DECLINES.items():
    _NAMED[f"chargeDeclined_{_code}"] = Card(brand="mastercard", last4="0002", attach=_decline, charge=_decline)
    _NAMED[f"chargeCustomerFail_{_code}"] = Card(brand="mastercard", last4="0341", charge=_decline)

NUMBERS = {
    "4242424242424242": "visa",
    "5555555555554444": "mastercard",
    "4000000000000002": "visa_chargeDeclined",
    "4000000000009995": "visa_chargeDeclinedInsufficientFunds",
    "4000000000009987": "visa_chargeDeclinedLostCard",
    "4000000000009979": "visa_chargeDeclinedStolenCard",
    "4100000000000019": "radarBlock",
    "4000000000000069": "chargeDeclinedExpiredCard",
    "4000000000000127": "chargeDeclinedIncorrectCvc",
    "4000000000000119": "chargeDeclinedProcessingError",
    "4000000000006975": "visa_chargeDeclinedVelocityLimitExceeded",
    "4000000000000341": "chargeCustomerFail",
    "4000002760003184": "authenticationRequired",
    "4000002500003155": "authenticationRequiredOnSetup",
    "4000003800000446": "authenticationRequiredSetupForOffSession",
    "4000008260003178": "authenticationRequiredChargeDeclinedInsufficientFunds",
    "4000000000000259": "createDispute",
    "4000000000007726": "pendingRefund",
    "4000000000005126": "refundFail",
}
"""Raw card numbers are rejected, as Stripe rejects them. The page shows this table, to look up a card."""


def by_alias(alias: str) -> tuple[str, Card] | None:
    """The card behind `pm_card_*` or `tok_*`, with its name in the table."""
    for prefix in ("pm_card_", "tok_"):
        if alias.startswith(prefix):
            name = alias.removeprefix(prefix)
            return (name, _NAMED[name]) if name in _NAMED else None
    return None


def by_name(name: str) -> Card:
    return _NAMED[name]


def aliases() -> list[str]:
    return [f"pm_card_{name}" for name in _NAMED]
