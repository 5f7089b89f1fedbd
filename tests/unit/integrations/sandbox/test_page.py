"""The page: every tab renders, all text is escaped, and the buttons work."""

from __future__ import annotations

import httpx
import pytest
import stripe

from integrations.sandbox.page.tabs import TITLES
from tests.support.sandboxes import RunningSandbox

MARKUP = '<script>alert("x")</script>'


@pytest.fixture
def filled(client: stripe.StripeClient, customer: stripe.Customer, brevo: httpx.Client, dixa: httpx.Client) -> str:
    """Create one object of each kind, with markup in each text. Return the id of an intent that requires action."""
    mail = {
        "sender": {"email": "shop@example.com", "name": MARKUP},
        "to": [{"email": "ann@example.com", "name": MARKUP}],
        "subject": MARKUP,
        "htmlContent": f"<p>Hello</p>{MARKUP}",
        "tags": [MARKUP],
    }
    brevo.post("/brevo/v3/smtp/email", json=mail).raise_for_status()
    text = {"sender": "Shop", "recipient": "4917012345678", "content": MARKUP, "tag": MARKUP}
    brevo.post("/brevo/v3/transactionalSMS/send", json=text).raise_for_status()
    contact = {"email": "ann@example.com", "ext_id": MARKUP, "attributes": {"FIRSTNAME": MARKUP}}
    brevo.post("/brevo/v3/contacts", json=contact).raise_for_status()
    dixa.post("/dixa/v1/endusers", json={"displayName": MARKUP, "externalId": MARKUP}).raise_for_status()
    return client.v1.payment_intents.create(
        params={
            "amount": 1290,
            "currency": "eur",
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequired",
            "metadata": {"order": MARKUP},
            "confirm": True,
            "return_url": "https://shop.example/",
        }
    ).id


@pytest.mark.parametrize("tab", TITLES)
@pytest.mark.parametrize("full", [False, True])
def test_every_tab_renders_and_escapes(
    request: pytest.FixtureRequest, control: httpx.Client, tab: str, full: bool
) -> None:
    if full:
        request.getfixturevalue("filled")
        rules = [{"kind": "error", "provider": "dixa", "path": MARKUP, "times": 3, "rate": 0.5}]
        control.put("/sandbox/faults", json=rules).raise_for_status()
    response = control.get("/", params={"tab": tab, "refresh": "5", "id": MARKUP})
    assert response.status_code == 200
    assert "<script" not in response.text
    assert '<meta http-equiv="refresh" content="5">' in response.text
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_the_preview_of_a_mail_runs_no_scripts(control: httpx.Client, filled: str) -> None:
    page = control.get("/").text
    assert '<iframe sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "&lt;p&gt;Hello&lt;/p&gt;" in page


def press(control: httpx.Client, **fields: str) -> httpx.Response:
    return control.post("/", data=fields, follow_redirects=True)


def test_buttons_carry_out_their_actions(client: stripe.StripeClient, control: httpx.Client, filled: str) -> None:
    mail = control.get("/sandbox/mails").json()["data"][0]["id"]
    assert press(control, action="mail-event", tab="mails", id=mail, event="hard_bounce").status_code == 200
    assert control.get("/sandbox/contacts").json()["data"][0]["emailBlacklisted"] is True
    assert "Payments" in press(control, action="authenticate", tab="payments", id=filled, outcome="success").text
    assert client.v1.payment_intents.retrieve(filled).status == "succeeded"
    press(control, action="dispute", tab="payments", id=filled)
    [dispute] = client.v1.disputes.list().data
    assert "Win dispute" in press(control, action="close-dispute", tab="payments", id="du_none", outcome="won").text
    assert (
        "Win dispute" not in press(control, action="close-dispute", tab="payments", id=dispute.id, outcome="won").text
    )
    assert client.v1.disputes.retrieve(dispute.id).status == "won"
    press(control, action="preset", name="brevo-down", tab="faults")
    assert "Turn off" in press(control, action="preset", name="stripe-slow", tab="faults").text
    press(control, action="remove-fault", index="0", tab="faults")
    assert [rule["kind"] for rule in control.get("/sandbox/faults").json()["data"]] == ["latency"]
    press(control, action="clear-faults", tab="faults")
    assert control.get("/sandbox/faults").json()["data"] == []
    press(control, action="reset", tab="faults")
    assert control.get("/sandbox/mails").json()["data"] == []


def test_a_pending_refund_succeeds_and_then_fails(client: stripe.StripeClient, control: httpx.Client) -> None:
    intent = client.v1.payment_intents.create(
        {"amount": 1290, "currency": "eur", "payment_method": "pm_card_pendingRefund", "confirm": True,
         "return_url": "https://shop.example.com/"}
    )  # fmt: skip
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 500})
    assert refund.status == "pending"
    assert "Succeed refund" in control.get("/", params={"tab": "payments"}).text
    settled = press(control, action="refund", tab="payments", id=refund.id, outcome="succeed").text
    assert ("Succeed refund" in settled, "Fail refund" in settled) == (False, True)
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    failed = press(control, action="refund", tab="payments", id=refund.id, outcome="fail").text
    assert "Fail refund" not in failed
    assert client.v1.refunds.retrieve(refund.id).status == "failed"


def test_a_button_that_cannot_be_used_shows_a_message(control: httpx.Client) -> None:
    disputes_and_refunds = ("dispute", "close-dispute", "refund")
    for action in (*disputes_and_refunds, "authenticate", "mail-event", "redeliver", "preset", "nothing"):
        assert 'role="status"' in press(control, action=action, id="nothing").text


def test_forms_of_other_sites_are_rejected(sandbox: RunningSandbox, control: httpx.Client) -> None:
    foreign = {"Origin": "https://evil.example"}
    assert control.post("/", data={"action": "reset"}, headers=foreign).status_code == 403
    own = {"Origin": sandbox.url}
    assert control.post("/", data={"action": "reset"}, headers=own).status_code == 303
    assert control.get("/favicon.ico").status_code == 404
