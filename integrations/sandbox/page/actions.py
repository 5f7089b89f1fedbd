"""The buttons of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from integrations.sandbox import presets
from integrations.sandbox.brevo_api import notices
from integrations.sandbox.control.errors import ControlError
from integrations.sandbox.stripe_api import confirmation, disputes, refunds
from integrations.sandbox.stripe_api.call import Call

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Fields = dict[str, str]


def run(sandbox: Sandbox, fields: Fields) -> None:
    """Carry out the action of a button. Raises `ControlError` with a message to show."""
    action = ACTIONS.get(fields.get("action", ""))
    if action is None:
        raise ControlError("There is no such button.")
    action(sandbox, fields)


def _preset(sandbox: Sandbox, fields: Fields) -> None:
    if fields.get("name") not in presets.PRESETS:
        raise ControlError("There is no such preset.")
    sandbox.faults.replace(presets.toggled(sandbox.faults.rules(), fields["name"]))


def _clear(sandbox: Sandbox, _: Fields) -> None:
    sandbox.faults.replace([])


def _remove(sandbox: Sandbox, fields: Fields) -> None:
    rules = sandbox.faults.rules()
    index = int(fields["index"]) if fields.get("index", "").isdigit() else len(rules)
    sandbox.faults.replace(rules[:index] + rules[index + 1 :])


def _reset(sandbox: Sandbox, _: Fields) -> None:
    sandbox.reset()


def _mail_event(sandbox: Sandbox, fields: Fields) -> None:
    mail = sandbox.store.get("brevo.email", fields.get("id", ""))
    if mail is None or fields.get("event") not in notices.EMAIL_EVENTS:
        raise ControlError("There is no such mail or event.")
    more = {"link": "https://shop.example/"} if fields["event"] == "click" else {}
    notices.email_event(sandbox, mail, mail["to"][0]["email"], fields["event"], **more)


def _authenticate(sandbox: Sandbox, fields: Fields) -> None:
    intent = sandbox.store.get("payment_intent", fields.get("id", ""))
    if intent is None or intent["status"] != "requires_action":
        raise ControlError("This payment no longer waits for its customer.")
    confirmation.authenticate(Call(sandbox=sandbox), intent, success=fields.get("outcome") == "success")


def _dispute(sandbox: Sandbox, fields: Fields) -> None:
    intent = sandbox.store.get("payment_intent", fields.get("id", ""))
    charge = sandbox.store.get("charge", (intent or {}).get("latest_charge") or "")
    if charge is None or not charge["paid"] or charge["disputed"]:
        raise ControlError("This payment cannot be disputed.")
    disputes.open_dispute(Call(sandbox=sandbox), charge)


def _close_dispute(sandbox: Sandbox, fields: Fields) -> None:
    dispute = sandbox.store.get("dispute", fields.get("id", ""))
    if dispute is None or dispute["status"] in disputes.CLOSED or fields.get("outcome") not in ("won", "lost"):
        raise ControlError("This dispute is no longer open.")
    disputes.close(Call(sandbox=sandbox), dispute, status=fields["outcome"])


def _refund(sandbox: Sandbox, fields: Fields) -> None:
    refund = sandbox.store.get("refund", fields.get("id", ""))
    status, outcome = (refund or {}).get("status"), fields.get("outcome")
    if outcome == "succeed" and status == "pending":
        refunds.succeed(Call(sandbox=sandbox), refund or {})
    elif outcome == "fail" and status in ("pending", "succeeded"):
        refunds.fail(Call(sandbox=sandbox), refund or {}, reason="lost_or_stolen_card")
    else:
        raise ControlError("This refund is already final.")


def _redeliver(sandbox: Sandbox, fields: Fields) -> None:
    id = fields.get("id", "")
    if not id.isdigit() or not sandbox.webhooks.redeliver(int(id)):
        raise ControlError("There is no such delivery.")


ACTIONS: dict[str, Callable[[Sandbox, Fields], None]] = {
    "preset": _preset,
    "clear-faults": _clear,
    "remove-fault": _remove,
    "reset": _reset,
    "mail-event": _mail_event,
    "authenticate": _authenticate,
    "dispute": _dispute,
    "close-dispute": _close_dispute,
    "refund": _refund,
    "redeliver": _redeliver,
}
