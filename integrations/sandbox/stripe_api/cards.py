"""The test cards: one table of what each `pm_card_*` and `tok_*` does (docs.stripe.com/testing).

Real Stripe has test cards for a few declines only. The sandbox adds `pm_card_chargeDeclined_<decline_code>` (declines
on attach too, as Stripe's decline cards do) and `pm_card_chargeCustomerFail_<decline_code>` (attaches, then declines)
for every code of `DECLINES`; these are Mastercards and carry a `network_advice_code`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Sca = Literal["never", "always", "unless_set_up", "on_session"]
RefundBehavior = Literal["succeeds", "pending", "fails"]


@dataclass(frozen=True, slots=True)
class Decline:
    """How an issuer says no."""

    decline_code: str
    message: str = "Your card was declined."
    code: str = "card_declined"
    param: str | None = None
    advice_code: str | None = "try_again_later"
    network_decline_code: str | None = None
    network_advice_code: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A test card. `attach` and `charge` are the declines met there, if any."""

    brand: str = "visa"
    last4: str = "4242"
    funding: str = "credit"
    attach: Decline | None = None
    charge: Decline | None = None
    sca: Sca = "never"
    refund: RefundBehavior = "succeeds"
    dispute: str | None = None


NEVER, DATA = "do_not_try_again", "confirm_card_data"
INSUFFICIENT = "Your card has insufficient funds."
EXPIRED = "Your card has expired."

# (network_decline_code, network_advice_code): ISO 8583 codes and Mastercard's advice, as schemes commonly pair them.
DECLINES: dict[str, Decline] = {
    decline.decline_code: decline
    for decline in (
        Decline("generic_decline", network_decline_code="05", network_advice_code="02"),
        Decline("insufficient_funds", INSUFFICIENT, network_decline_code="51", network_advice_code="02"),
        Decline("do_not_honor", network_decline_code="05", network_advice_code="02"),
        Decline("try_again_later", network_decline_code="91", network_advice_code="02"),
        Decline("processing_error", "An error occurred while processing your card. Try again in a little bit.",
                code="processing_error", network_decline_code="96", network_advice_code="02"),
        Decline("issuer_not_available", network_decline_code="91", network_advice_code="02"),
        Decline("card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently or "
                "exceeding its amount limit.", network_decline_code="61", network_advice_code="02"),
        Decline("reenter_transaction", network_decline_code="19", network_advice_code="02"),
        Decline("withdrawal_count_limit_exceeded", network_decline_code="65", network_advice_code="02"),
        Decline("lost_card", advice_code=NEVER, network_decline_code="41", network_advice_code="03"),
        Decline("stolen_card", advice_code=NEVER, network_decline_code="43", network_advice_code="03"),
        Decline("pickup_card", advice_code=NEVER, network_decline_code="04", network_advice_code="03"),
        Decline("restricted_card", advice_code=NEVER, network_decline_code="62", network_advice_code="03"),
        Decline("fraudulent", advice_code=None, network_decline_code="59", network_advice_code="03"),
        Decline("do_not_try_again", advice_code=NEVER, network_decline_code="03", network_advice_code="03"),
        Decline("revocation_of_authorization", advice_code=NEVER, network_decline_code="R1",
                network_advice_code="21"),
        Decline("revocation_of_all_authorizations", advice_code=NEVER, network_decline_code="R3",
                network_advice_code="21"),
        Decline("stop_payment_order", advice_code=NEVER, network_decline_code="R0", network_advice_code="21"),
        Decline("invalid_account", advice_code=NEVER, network_decline_code="14", network_advice_code="01"),
        Decline("transaction_not_allowed", advice_code=NEVER, network_decline_code="57", network_advice_code="03"),
        Decline("card_not_supported", "Your card is not supported.", advice_code=NEVER, network_decline_code="57",
                network_advice_code="03"),
        Decline("currency_not_supported", advice_code=NEVER, network_decline_code="57"),
        Decline("expired_card", EXPIRED, code="expired_card", param="exp_month", advice_code=DATA,
                network_decline_code="54", network_advice_code="01"),
        Decline("incorrect_cvc", "Your card's security code is incorrect.", code="incorrect_cvc", param="cvc",
                advice_code=DATA, network_decline_code="N7", network_advice_code="01"),
        Decline("incorrect_number", "Your card number is incorrect.", code="incorrect_number", param="number",
                advice_code=DATA, network_decline_code="14", network_advice_code="01"),
        Decline("invalid_expiry_month", "Your card's expiration month is invalid.", code="invalid_expiry_month",
                param="exp_month", advice_code=DATA, network_decline_code="54", network_advice_code="01"),
        Decline("invalid_expiry_year", "Your card's expiration year is invalid.", code="invalid_expiry_year",
                param="exp_year", advice_code=DATA, network_decline_code="54", network_advice_code="01"),
        Decline("new_account_information_available", advice_code=DATA, network_decline_code="78",
                network_advice_code="01"),
    )
}  # fmt: skip


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
    _NAMED[f"chargeDeclined_{_code}"] = Card(
        brand="mastercard", last4="0002", attach=_decline, charge=_decline
    )
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
"""Raw numbers are refused as Stripe refuses them; the table lets a person look one up on the page."""


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
