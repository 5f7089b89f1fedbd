"""Brevo's API: e-mail and its idempotency key, SMS, contacts, duplicates, and rate limits."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.sandboxes import RunningSandbox

EMAIL, SMS, CONTACTS = "/brevo/v3/smtp/email", "/brevo/v3/transactionalSMS/send", "/brevo/v3/contacts"


def mail(**more: Any) -> dict[str, Any]:
    return {
        "sender": {"email": "shop@example.com", "name": "Shop"},
        "to": [{"email": "ann@example.com", "name": "Ann"}],
        "subject": "Hi",
        "htmlContent": "<p>Hello</p>",
        **more,
    }


def text(**more: Any) -> dict[str, Any]:
    return {"sender": "Shop", "recipient": "+4917012345678", "content": "Hello", **more}


def without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


def test_a_mail_is_accepted_and_delivered(brevo: httpx.Client, control: httpx.Client) -> None:
    response = brevo.post(EMAIL, json=mail(params={"a": 1}))
    assert response.status_code == 201
    (stored,) = control.get("/sandbox/mails", params={"to": "Ann@example.com"}).json()["data"]
    assert stored["id"] == response.json()["messageId"]
    assert (stored["subject"], stored["events"]) == ("Hi", ["request", "delivered"])


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (without(mail(), "sender"), "missing_parameter"),
        (without(mail(), "to"), "missing_parameter"),
        (without(mail(), "subject"), "missing_parameter"),
        (without(mail(), "htmlContent"), "missing_parameter"),
        (mail(to=[{"email": "nonsense"}]), "invalid_parameter"),
        (mail(to=[{"email": f"a{n}@example.com"} for n in range(100)]), "invalid_parameter"),
        (mail(sender={"email": "nonsense"}), "invalid_parameter"),
        (mail(tags="renewal"), "invalid_parameter"),
        (mail(headers={"X-Mailin-custom": "ü"}), "invalid_parameter"),
        (mail(headers={"idempotencyKey": "no-uuid"}), "invalid_parameter"),
        (mail(templateId="one"), "invalid_parameter"),
        (mail(colour="red"), "invalid_parameter"),
    ],
)
def test_invalid_mails_are_rejected(
    brevo: httpx.Client, control: httpx.Client, document: dict[str, Any], code: str
) -> None:
    response = brevo.post(EMAIL, json=document)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert set(response.json()) == {"code", "message"}
    assert control.get("/sandbox/mails").json()["data"] == []


def test_a_template_needs_no_sender_and_no_subject(brevo: httpx.Client) -> None:
    document = {"templateId": 4, "to": [{"email": "ann@example.com"}]}
    assert brevo.post(EMAIL, json=document).status_code == 201


def test_a_repeated_idempotency_key_is_rejected_for_30_minutes(brevo: httpx.Client, control: httpx.Client) -> None:
    document = mail(headers={"idempotencyKey": str(uuid.uuid4())})
    assert brevo.post(EMAIL, json=document | {"subject": None}).status_code == 400
    assert brevo.post(EMAIL, json=document).status_code == 201
    again = brevo.post(EMAIL, json=document)
    assert (again.status_code, again.json()["code"]) == (400, "duplicate_parameter")
    control.post("/sandbox/clock", json={"advance_seconds": 30 * 60 - 5})
    assert brevo.post(EMAIL, json=document).status_code == 400
    control.post("/sandbox/clock", json={"advance_seconds": 10})
    assert brevo.post(EMAIL, json=document).status_code == 201
    assert len(control.get("/sandbox/mails").json()["data"]) == 2


def test_dropped_mails_message_versions_and_scheduled_mails(brevo: httpx.Client, control: httpx.Client) -> None:
    assert brevo.post(EMAIL, json=mail(headers={"X-Sib-Sandbox": "drop"})).status_code == 201
    assert control.get("/sandbox/mails").json()["data"] == []
    versions = [{"to": [{"email": f"{name}@example.com"}], "subject": name} for name in ("ann", "ben")]
    response = brevo.post(EMAIL, json=without(mail(messageVersions=versions), "to"))
    assert len(response.json()["messageIds"]) == 2
    assert brevo.post(EMAIL, json=mail(scheduledAt="2027-01-01T00:00:00Z")).status_code == 202


def test_the_address_and_the_blocklist_decide_the_outcome_of_a_mail(brevo: httpx.Client, control: httpx.Client) -> None:
    brevo.post(CONTACTS, json={"email": "hard_bounce+1@example.com"})
    brevo.post(EMAIL, json=mail(to=[{"email": "hard_bounce+1@example.com"}]))
    brevo.post(EMAIL, json=mail(to=[{"email": "hard_bounce+1@example.com"}]))
    outcomes = [stored["events"][-1] for stored in control.get("/sandbox/mails").json()["data"]]
    assert outcomes == ["blocked", "hard_bounce"]
    brevo.post(EMAIL, json=mail())
    event = {"event": "spam", "email": "ann@example.com"}
    assert control.post("/sandbox/brevo/mails/events", json=event).json()["event"] == "spam"
    nonsense = {"event": "nonsense", "email": "ann@example.com"}
    assert control.post("/sandbox/brevo/mails/events", json=nonsense).status_code == 400


def test_sms_are_sent_and_have_parts_and_a_price(brevo: httpx.Client, control: httpx.Client) -> None:
    first, second = (brevo.post(SMS, json=text()) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert isinstance(first.json()["messageId"], int)
    waited = brevo.post("/brevo/v3/transactionalSMS/sms", json=text(content="x" * 161))
    assert (waited.json()["smsCount"], waited.json()["usedCredits"]) == (2, 0.1)
    stored = control.get("/sandbox/sms", params={"to": "+4917012345678"}).json()["data"]
    assert len(stored) == 3
    assert stored[0]["events"] == ["sent", "delivered"]
    bounce = {"status": "hard_bounce", "message_id": first.json()["messageId"]}
    assert control.post("/sandbox/brevo/sms/events", json=bounce).json()["msg_status"] == "hard_bounce"


@pytest.mark.parametrize(
    "document",
    [
        without(text(), "sender"),
        without(text(), "recipient"),
        without(text(), "content"),
        text(sender="TwelveLetter"),
        text(sender="Two words"),
        text(recipient="+49 170"),
        text(recipient="12345"),
        text(type="newsletter"),
        text(tag=["t"] * 11),
        text(colour="red"),
    ],
)
def test_invalid_sms_are_rejected(brevo: httpx.Client, document: dict[str, Any]) -> None:
    assert brevo.post(SMS, json=document).status_code == 400


def test_an_sms_without_credits_is_rejected_with_402(brevo: httpx.Client, control: httpx.Client) -> None:
    control.patch("/sandbox/config", json={"brevo.credits": 0.06})
    assert brevo.post(SMS, json=text()).status_code == 201
    rejected = brevo.post(SMS, json=text())
    assert (rejected.status_code, rejected.json()["code"]) == (402, "not_enough_credits")


def test_a_contact_is_created_and_then_updated(brevo: httpx.Client) -> None:
    document = {
        "email": "Ann@Example.com",
        "ext_id": "7",
        "attributes": {"FIRSTNAME": "Ann", "SMS": "+49 170 12345678", "NOT_KNOWN": "x", "ORDERS_COUNT": "many"},
        "updateEnabled": True,
    }
    made = brevo.post(CONTACTS, json=document)
    assert made.status_code == 201
    updated = brevo.post(CONTACTS, json=document | {"attributes": {"LASTNAME": "Lee"}})
    assert (updated.status_code, updated.content) == (204, b"")
    contact = brevo.get(f"{CONTACTS}/7", params={"identifierType": "ext_id"}).json()
    assert contact["id"] == made.json()["id"]
    assert contact["email"] == "ann@example.com"
    assert contact["attributes"] == {"FIRSTNAME": "Ann", "SMS": "4917012345678", "LASTNAME": "Lee"}
    again = brevo.post(CONTACTS, json=document | {"updateEnabled": False})
    assert (again.status_code, again.json()["code"]) == (400, "duplicate_parameter")


def test_a_phone_number_belongs_to_one_contact(brevo: httpx.Client) -> None:
    brevo.post(CONTACTS, json={"email": "ann@example.com", "attributes": {"SMS": "+4917012345678"}})
    brevo.post(CONTACTS, json={"email": "ben@example.com"})
    phone = {"attributes": {"SMS": "004917012345678"}}
    taken = brevo.put(f"{CONTACTS}/ben@example.com", json=phone)
    assert (taken.status_code, taken.json()["code"]) == (400, "duplicate_parameter")
    both = {"email": "ben@example.com", "updateEnabled": True, **phone}
    assert brevo.post(CONTACTS, json=both).json()["code"] == "duplicate_parameter"
    assert brevo.post(CONTACTS, json=both | {"forceMerge": True}).status_code == 204
    assert brevo.get(f"{CONTACTS}/4917012345678", params={"identifierType": "phone_id"}).status_code == 200
    assert brevo.get(CONTACTS).json()["count"] == 1


def test_a_new_address_is_unblocked_unless_the_request_blocks_it(brevo: httpx.Client) -> None:
    brevo.post(CONTACTS, json={"email": "ann@example.com", "emailBlacklisted": True})
    moved = {"attributes": {"EMAIL": "ann2@example.com"}}
    brevo.put(f"{CONTACTS}/ann@example.com", json=moved | {"emailBlacklisted": True})
    assert brevo.get(f"{CONTACTS}/ann2@example.com").json()["emailBlacklisted"] is True
    brevo.put(f"{CONTACTS}/ann2@example.com", json={"attributes": {"EMAIL": "ann3@example.com"}})
    assert brevo.get(f"{CONTACTS}/ann3@example.com").json()["emailBlacklisted"] is False
    assert brevo.get(f"{CONTACTS}/ann@example.com").status_code == 404


def test_a_contact_is_deleted_once(brevo: httpx.Client) -> None:
    id = brevo.post(CONTACTS, json={"email": "ann@example.com"}).json()["id"]
    assert brevo.delete(f"{CONTACTS}/{id}").status_code == 204
    gone = brevo.delete(f"{CONTACTS}/{id}")
    assert (gone.status_code, gone.json()["code"]) == (404, "document_not_found")


def test_calls_need_the_right_api_key(
    brevo: httpx.Client, control: httpx.Client, own_sandbox: Callable[..., RunningSandbox]
) -> None:
    assert control.post(EMAIL, json=mail()).status_code == 401
    strict = own_sandbox(brevo_api_key="right")
    assert strict.client(**{"api-key": "wrong"}).post(EMAIL, json=mail()).json()["code"] == "unauthorized"
    assert strict.client(**{"api-key": "right"}).post(EMAIL, json=mail()).status_code == 201
    assert brevo.get("/brevo/v3/nothing").status_code == 404


def test_contacts_are_limited_to_ten_a_second(own_sandbox: Callable[..., RunningSandbox]) -> None:
    limited = own_sandbox()
    brevo = limited.client(**{"api-key": "k"})
    answers = [brevo.get(CONTACTS) for _ in range(12)]
    assert answers[0].headers["x-sib-ratelimit-limit"] == "10"
    assert answers[0].headers["x-sib-ratelimit-remaining"] == "9"
    throttled = answers[-1]
    assert throttled.status_code == 429
    assert throttled.headers["x-sib-ratelimit-reset"] == "1"
    assert "Retry-After" not in throttled.headers
    assert brevo.post(EMAIL, json=mail()).status_code == 201
    limited.client().patch("/sandbox/config", json={"brevo.contacts_per_second": None}).raise_for_status()
    assert {brevo.get(CONTACTS).status_code for _ in range(12)} == {200}
