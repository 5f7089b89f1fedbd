"""Refunds: whole or partial, never more than was paid."""

from __future__ import annotations

from integrations.sandbox.stripe_api import amounts, cards
from integrations.sandbox.stripe_api.call import INTERNAL, Call, Document, new_id
from integrations.sandbox.stripe_api.errors import StripeError, missing_parameter
from integrations.sandbox.stripe_api.forms import (
    PAGING,
    Form,
    anything,
    boolean,
    integer,
    merged_metadata,
    metadata,
    moment,
    one_of,
    required_text,
    text,
)

CREATE = Form(
    {
        "amount": integer,
        "charge": required_text,
        "currency": text,
        "customer": text,
        "instructions_email": text,
        "metadata": metadata,
        "origin": anything,
        "payment_intent": required_text,
        "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
        "refund_application_fee": boolean,
        "reverse_transfer": boolean,
    }
)
UPDATE = Form({"metadata": metadata})
LIST = Form({**PAGING, "charge": required_text, "payment_intent": required_text, "created": moment})


def create(call: Call) -> Document:
    params, charge = call.params, _charge(call)
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if not charge["paid"]:
        raise StripeError("This charge has failed, so it cannot be refunded.", began=True)
    if left == 0:
        raise StripeError(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded", began=True
        )
    for dispute in call.sandbox.store.find("dispute", "charge", charge["id"]):
        if dispute["status"] != "won" and not dispute["is_charge_refundable"]:
            raise StripeError(
                f"Charge {charge['id']} has been charged back; cannot issue a refund.",
                code="charge_disputed",
                began=True,
            )
    if amount < 1:
        raise StripeError(
            "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount"
        )
    if amount > left:
        raise StripeError(
            f"Refund amount ({amounts.formatted(amount, charge['currency'])}) is greater than unrefunded "
            f"amount on charge ({amounts.formatted(left, charge['currency'])})",
            param="amount",
        )
    behavior = cards.by_name(charge[INTERNAL]["card"]).refund
    refund = _new(call, charge, amount)
    refund["status"] = "pending" if behavior == "pending" else "succeeded"
    refund["pending_reason"] = "processing" if behavior == "pending" else None
    call.save(refund)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    call.save(charge)
    call.emit("refund.created", refund)
    call.emit("charge.refunded", charge, previous={"amount_refunded": charge["amount_refunded"] - amount})
    response = dict(refund)
    if behavior == "fails":
        fail(call, refund, reason="expired_or_canceled_card")
    return response


def _charge(call: Call) -> Document:
    params = call.params
    if "charge" in params and "payment_intent" in params:
        raise StripeError("You may only specify one of these parameters: charge, payment_intent.")
    if "charge" in params:
        return call.get("charge", params["charge"], param="charge")
    if "payment_intent" not in params:
        raise missing_parameter("charge")
    intent = call.get("payment_intent", params["payment_intent"], param="payment_intent")
    if intent["status"] != "succeeded":
        raise StripeError(
            f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.", began=True
        )
    return call.get("charge", intent["latest_charge"], param="charge")


def _new(call: Call, charge: Document, amount: int) -> Document:
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": new_id("txn"),
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "failure_reason": None,
        "metadata": merged_metadata({}, call.params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "pending_reason": None,
        "reason": call.params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


def retrieve(call: Call, id: str) -> Document:
    return call.get("refund", id)


def update(call: Call, id: str) -> Document:
    refund = retrieve(call, id)
    if "metadata" in call.params:
        refund["metadata"] = merged_metadata(refund["metadata"], call.params["metadata"])
    call.save(refund)
    call.emit("refund.updated", refund)
    return refund


def listing(call: Call) -> Document:
    params = call.params
    return call.page(
        "refund", url="/v1/refunds", charge=params.get("charge"), payment_intent=params.get("payment_intent")
    )


def succeed(call: Call, refund: Document) -> Document:
    """A pending refund succeeds."""
    previous = {"status": refund["status"]}
    refund |= {"status": "succeeded", "pending_reason": None}
    call.save(refund)
    call.emit("refund.updated", refund, previous=previous)
    return refund


def fail(call: Call, refund: Document, *, reason: str) -> Document:
    """The bank returns the money days later, so this amount of the charge is no longer refunded."""
    previous = {"status": refund["status"], "failure_reason": None}
    refund |= {
        "status": "failed",
        "failure_reason": reason,
        "pending_reason": None,
        "failure_balance_transaction": new_id("txn"),
    }
    call.save(refund)
    charge = call.get("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    call.save(charge)
    call.emit("refund.updated", refund, previous=previous)
    call.emit("refund.failed", refund)
    return refund
