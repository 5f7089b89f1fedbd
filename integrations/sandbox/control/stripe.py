"""Injects what happens at Stripe without a call by the shop: authentications, disputes, failing refunds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request

from integrations.sandbox.control.bodies import json_body
from integrations.sandbox.control.errors import ControlError
from integrations.sandbox.stripe_api import confirmation, disputes, refunds, setup_intents
from integrations.sandbox.stripe_api.call import Call, Document, new_id, rendered

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox


def authenticate_payment(sandbox: Sandbox, request: Request, id: str) -> Any:
    """`{"outcome": "success" | "fail"}`: the customer answers the bank's challenge in the browser."""
    call = Call(sandbox=sandbox)
    intent = _intent_that_requires_action(call, "payment_intent", id)
    return rendered(confirmation.authenticate(call, intent, success=_success(request)))


def authenticate_setup(sandbox: Sandbox, request: Request, id: str) -> Any:
    call = Call(sandbox=sandbox)
    intent = _intent_that_requires_action(call, "setup_intent", id)
    return rendered(setup_intents.authenticate(call, intent, success=_success(request)))


def open_dispute(sandbox: Sandbox, request: Request) -> Any:
    """`{"charge" | "payment_intent": id, "reason"?, "amount"?, "withdraw"?: true}`."""
    call, wanted = Call(sandbox=sandbox), json_body(request)
    reason = wanted.get("reason", "fraudulent")
    if reason not in (*disputes.REASONS, "inquiry"):
        raise ControlError(f"reason must be one of {', '.join(disputes.REASONS)}, inquiry.")
    dispute = disputes.open_dispute(
        call,
        _charge(call, wanted),
        reason=reason,
        amount=wanted.get("amount"),
        withdraw=bool(wanted.get("withdraw", True)),
    )
    return rendered(dispute)


def move_dispute(sandbox: Sandbox, request: Request, id: str, phase: str) -> Any:
    """Phases: updated {"status"?}, funds_withdrawn, funds_reinstated, closed {"status": "won" | "lost"}."""
    call, wanted = Call(sandbox=sandbox), json_body(request)
    dispute = call.get("dispute", id)
    if phase == "updated":
        status = wanted.get("status")
        if status is not None and status not in disputes.STATUSES:
            raise ControlError(f"status must be one of {', '.join(disputes.STATUSES)}.")
        return rendered(disputes.update(call, dispute, status=status))
    if phase in ("funds_withdrawn", "funds_reinstated"):
        return rendered(disputes.move_funds(call, dispute, reinstate=phase == "funds_reinstated"))
    if phase != "closed":
        raise ControlError("phase must be updated, funds_withdrawn, funds_reinstated or closed.", status=404)
    status = wanted.get("status", "lost")
    if status not in disputes.CLOSED:
        raise ControlError(f"status must be one of {', '.join(disputes.CLOSED)}.")
    return rendered(disputes.close(call, dispute, status=status))


def settle_refund(sandbox: Sandbox, request: Request, id: str, outcome: str) -> Any:
    """`succeed` a pending refund, or `fail` one {"reason"?}, days later."""
    call = Call(sandbox=sandbox)
    refund = call.get("refund", id)
    if outcome == "succeed" and refund["status"] == "pending":
        return rendered(refunds.succeed(call, refund))
    if outcome == "fail" and refund["status"] in ("pending", "succeeded"):
        reason = json_body(request).get("reason", "lost_or_stolen_card")
        return rendered(refunds.fail(call, refund, reason=str(reason)))
    raise ControlError(f"A refund that is {refund['status']} cannot {outcome}.")


def create_early_fraud_warning(sandbox: Sandbox, request: Request) -> Any:
    """`{"charge" | "payment_intent": id}`: `radar.early_fraud_warning.created`."""
    call = Call(sandbox=sandbox)
    charge = _charge(call, json_body(request))
    warning: Document = {
        "id": new_id("issfr"),
        "object": "radar.early_fraud_warning",
        "actionable": True,
        "charge": charge["id"],
        "created": call.now,
        "fraud_type": "made_with_stolen_card",
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    call.save(warning)
    call.emit("radar.early_fraud_warning.created", warning)
    return warning


def update_payment_method(sandbox: Sandbox, request: Request, id: str) -> Any:
    """`{"exp_month"?, "exp_year"?, "last4"?}`: the card network sends Stripe the details of a new card."""
    call, wanted = Call(sandbox=sandbox), json_body(request)
    method = call.get("payment_method", id)
    if not wanted or set(wanted) - {"exp_month", "exp_year", "last4"}:
        raise ControlError("Send exp_month, exp_year or last4.")
    previous = {"card": {name: method["card"][name] for name in wanted}}
    method["card"] |= wanted
    call.save(method)
    call.emit("payment_method.automatically_updated", method, previous=previous)
    return rendered(method)


def redeliver_event(sandbox: Sandbox, _: Request, id: str) -> Any:
    """Send an event again unchanged, as the resend button of Stripe's dashboard does."""
    event = Call(sandbox=sandbox).get("event", id)
    sandbox.webhooks.enqueue(provider="stripe", event_id=id, event_type=event["type"], payload=event)
    return {"id": id, "state": "pending"}


def _intent_that_requires_action(call: Call, kind: str, id: str) -> Document:
    intent = call.get(kind, id)
    if intent["status"] != "requires_action":
        raise ControlError(f"{id} has status {intent['status']}; only requires_action can be authenticated.")
    return intent


def _success(request: Request) -> bool:
    outcome = json_body(request).get("outcome", "success")
    if outcome not in ("success", "fail"):
        raise ControlError("outcome must be success or fail.")
    return bool(outcome == "success")


def _charge(call: Call, wanted: Document) -> Document:
    if "charge" in wanted:
        return call.get("charge", str(wanted["charge"]))
    intent = call.get("payment_intent", str(wanted.get("payment_intent")))
    if not intent["latest_charge"]:
        raise ControlError(f"{intent['id']} has no charge.")
    return call.get("charge", intent["latest_charge"])
