"""Confirms a PaymentIntent: the card is charged, declined, or must be authenticated."""

from __future__ import annotations

from integrations.sandbox.stripe_api import cards, charges, disputes
from integrations.sandbox.stripe_api.call import INTERNAL, Call, Document, new_id, rendered
from integrations.sandbox.stripe_api.errors import StripeError, missing_object
from integrations.sandbox.stripe_api.payment_methods import UNUSABLE, attach_to_customer, build, card_error, last_error

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
AUTHENTICATION_REQUIRED = cards.Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    code="authentication_required",
    advice_code=None,
)
NOT_HANDLED = cards.Decline(
    "authentication_not_handled",
    "This payment required an authentication action to complete, but `error_on_requires_action` was set.",
    code="authentication_required",
    advice_code=None,
)
AUTHENTICATION_FAILED = cards.Decline(
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
    "PaymentMethod to attempt to fulfill this PaymentIntent again.",
    code="payment_intent_authentication_failure",
    advice_code=None,
)


def check_payment_method(call: Call, intent: Document, id: str) -> None:
    """Raise if this card may not pay this intent."""
    if id.startswith("pm_card_"):
        if cards.by_alias(id) is None:
            raise missing_object("PaymentMethod", id, param="payment_method")
        return
    method = call.get("payment_method", id, param="payment_method")
    if method["customer"] and intent["customer"] is None:
        raise StripeError(
            "The PaymentMethod you provided is attached to a customer so for security purposes you must "
            "provide the customer in the request.",
            param="payment_method",
        )
    if method["customer"] and method["customer"] != intent["customer"]:
        raise StripeError(
            f"The customer does not have a payment method with the ID {id}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="payment_method",
        )
    if method["customer"] is None and method[INTERNAL]["unusable"]:
        raise StripeError(UNUSABLE, param="payment_method")


def set_payment_method(call: Call, intent: Document, id: str) -> None:
    """Set the card on the intent; a test alias becomes a new PaymentMethod."""
    if found := cards.by_alias(id) if id.startswith("pm_card_") else None:
        id = call.save(build(call, found[0]))["id"]
    intent["payment_method"] = id
    intent["next_action"] = None
    intent["status"] = "requires_confirmation"


def check_return_url(call: Call, intent: Document, *, confirm: bool) -> None:
    """Automatic payment methods may redirect, so an on-session confirmation needs a return URL."""
    automatic = intent["automatic_payment_methods"] or {}
    may_redirect = automatic.get("enabled") and automatic.get("allow_redirects") != "never"
    if confirm and may_redirect and not call.params.get("off_session") and not call.params.get("return_url"):
        raise StripeError(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because "
            "some of these payment methods might redirect your customer off of your page, you must provide "
            "a `return_url`. If you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and "
            "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
            "Payment Intents."
        )


def missing_payment_method(intent: Document) -> StripeError:
    return StripeError(
        "You cannot confirm this PaymentIntent because it's missing a payment method. You can either "
        "update the PaymentIntent with a payment method and then confirm it again, or confirm it again "
        "directly with a payment method or ConfirmationToken.",
        code="payment_intent_unexpected_state",
        payment_intent=rendered(intent),
    )


def confirm_existing(call: Call, intent: Document) -> Document:
    """POST /v1/payment_intents/{id}/confirm."""
    params = call.params
    if intent["status"] not in CONFIRMABLE:
        raise _not_confirmable(intent)
    if "payment_method" in params:
        check_payment_method(call, intent, params["payment_method"])
    elif intent["payment_method"] is None:
        raise missing_payment_method(intent)
    else:
        check_payment_method(call, intent, intent["payment_method"])
    check_return_url(call, intent, confirm=True)
    for name in ("receipt_email", "setup_future_usage", "shipping"):
        if name in params:
            intent[name] = params[name] or None
    if "payment_method" in params:
        set_payment_method(call, intent, params["payment_method"])
    return confirm(call, intent)


def _not_confirmable(intent: Document) -> StripeError:
    if intent["status"] == "succeeded":
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
    else:
        message = (
            f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be confirmed: {', '.join(CONFIRMABLE)}."
        )
    return StripeError(message, code="payment_intent_unexpected_state", began=True, payment_intent=rendered(intent))


def confirm(call: Call, intent: Document) -> Document:
    """Charge the card. Raises 402 with the intent in the body if the bank declines."""
    method = call.get("payment_method", intent["payment_method"])
    card = cards.by_name(method[INTERNAL]["card"])
    off_session = bool(call.params.get("off_session"))
    if _requires_authentication(card, method, off_session=off_session):
        if off_session:
            raise record_decline(call, intent, method, AUTHENTICATION_REQUIRED)
        if call.params.get("error_on_requires_action"):
            raise record_decline(call, intent, method, NOT_HANDLED, charged=False)
        return _require_action(call, intent)
    if card.charge is not None:
        raise record_decline(call, intent, method, card.charge)
    return succeed(call, intent, method)


def authenticate(call: Call, intent: Document, *, success: bool) -> Document:
    """Do what the customer's browser does with `next_action`: pass or fail the bank's challenge."""
    method = call.get("payment_method", intent["payment_method"])
    card = cards.by_name(method[INTERNAL]["card"])
    decline = card.charge if success else AUTHENTICATION_FAILED
    if decline is not None:
        record_decline(call, intent, method, decline, charged=success)
        return intent
    if intent["setup_future_usage"] == "off_session":
        method[INTERNAL]["set_up"] = True
        call.save(method)
    return succeed(call, intent, method)


def _requires_authentication(card: cards.Card, method: Document, *, off_session: bool) -> bool:
    """Whether the bank requires authentication."""
    if card.sca == "unless_set_up":
        return not method[INTERNAL]["set_up"]
    return card.sca == "always" or (card.sca == "on_session" and not off_session)


def _require_action(call: Call, intent: Document) -> Document:
    intent["status"] = "requires_action"
    intent["next_action"] = next_action(
        call, url=f"https://hooks.stripe.com/3d_secure_2/hosted?payment_intent={intent['id']}"
    )
    call.save(intent)
    call.emit("payment_intent.requires_action", intent)
    return intent


def next_action(call: Call, *, url: str) -> Document:
    """How the customer reaches the bank's challenge: Stripe.js shows it, or Stripe redirects to a page."""
    if call.params.get("use_stripe_sdk"):
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    return {
        "type": "redirect_to_url",
        "redirect_to_url": {"return_url": call.params.get("return_url"), "url": url},
    }


def succeed(call: Call, intent: Document, method: Document) -> Document:
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        attach_to_customer(call, method, intent["customer"])
    elif method["customer"] is None:
        method[INTERNAL]["unusable"] = True  # A card without a customer can pay only once.
        call.save(method)
    charge = charges.record(call, intent, method, decline=None)
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "last_payment_error": None,
        "next_action": None,
    }
    call.save(intent)
    call.emit("payment_intent.succeeded", intent)
    if reason := cards.by_name(method[INTERNAL]["card"]).dispute:
        disputes.open_dispute(call, charge, reason=reason)
    return intent


def record_decline(
    call: Call, intent: Document, method: Document, decline: cards.Decline, *, charged: bool = True
) -> StripeError:
    """Record the decline on the intent and return the 402 error for it."""
    charge = charges.record(call, intent, method, decline=decline)["id"] if charged else None
    intent |= {
        "status": "requires_payment_method",
        "last_payment_error": last_error(decline, charge=charge, method=rendered(method)),
        "latest_charge": charge or intent["latest_charge"],
        "next_action": None,
        "payment_method": None,
    }
    call.save(intent)
    call.emit("payment_intent.payment_failed", intent)
    return card_error(
        decline,
        charge=charge,
        payment_intent=rendered(intent),
        payment_method=rendered(method),
        request_log_url=f"https://dashboard.stripe.com/test/logs/{call.request_id or new_id('req')}",
    )
