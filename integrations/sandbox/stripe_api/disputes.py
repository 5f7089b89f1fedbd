"""Disputes: read by clients, injected through the control API, phase by phase."""

from __future__ import annotations

from integrations.sandbox.stripe_api.call import Call, Document, new_id
from integrations.sandbox.stripe_api.errors import StripeError
from integrations.sandbox.stripe_api.forms import PAGING, Form, moment, required_text

LIST = Form({**PAGING, "charge": required_text, "payment_intent": required_text, "created": moment})
REASONS = ("bank_cannot_process", "credit_not_processed", "customer_initiated", "duplicate", "fraudulent",
           "general", "incorrect_account_details", "insufficient_funds", "noncompliant",
           "product_not_received", "product_unacceptable", "subscription_canceled",
           "unrecognized")  # fmt: skip
STATUSES = ("lost", "needs_response", "prevented", "under_review", "warning_closed", "warning_needs_response",
            "warning_under_review", "won")  # fmt: skip
CLOSED = ("won", "lost", "warning_closed")
EVIDENCE_DUE_SECONDS = 9 * 86_400


def retrieve(call: Call, id: str) -> Document:
    return call.get("dispute", id)


def listing(call: Call) -> Document:
    params = call.params
    return call.page(
        "dispute",
        url="/v1/disputes",
        charge=params.get("charge"),
        payment_intent=params.get("payment_intent"),
    )


def open_dispute(
    call: Call,
    charge: Document,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    withdraw: bool = True,
) -> Document:
    """The cardholder disputes the charge. Stripe then withdraws the money, except for an inquiry."""
    inquiry = reason == "inquiry"
    if not charge["paid"]:
        raise StripeError("Only a paid charge can be disputed.", param="charge")
    dispute: Document = {
        "id": new_id("du"),
        "object": "dispute",
        "amount": amount or charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": call.now + EVIDENCE_DUE_SECONDS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": "general" if inquiry else reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    call.save(dispute)
    charge["disputed"] = True
    call.save(charge)
    call.emit("charge.dispute.created", dispute)
    return move_funds(call, dispute, reinstate=False) if withdraw and not inquiry else dispute


def move_funds(call: Call, dispute: Document, *, reinstate: bool) -> Document:
    amount = dispute["amount"] if reinstate else -dispute["amount"]
    transaction = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "currency": dispute["currency"],
        "fee": 0 if reinstate else 1500,
        "net": amount if reinstate else amount - 1500,
        "reporting_category": "dispute_reversal" if reinstate else "dispute",
        "source": dispute["id"],
        "type": "adjustment",
    }
    dispute["balance_transactions"].append(transaction)
    call.save(dispute)
    call.emit("charge.dispute.funds_reinstated" if reinstate else "charge.dispute.funds_withdrawn", dispute)
    return dispute


def update(call: Call, dispute: Document, *, status: str | None) -> Document:
    previous = {"status": dispute["status"]}
    dispute["status"] = status or "under_review"
    call.save(dispute)
    call.emit("charge.dispute.updated", dispute, previous=previous)
    return dispute


def close(call: Call, dispute: Document, *, status: str) -> Document:
    """`won` reinstates the funds, `lost` does not, and `warning_closed` ends an inquiry."""
    dispute["status"] = status
    call.save(dispute)
    if status == "won":
        move_funds(call, dispute, reinstate=True)
    call.emit("charge.dispute.closed", dispute)
    return dispute
