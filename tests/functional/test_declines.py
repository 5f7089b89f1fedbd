"""Every test card of the sandbox, charged: the category of the decline, and what the customer reads."""

from __future__ import annotations

from typing import Any

import pytest

from charges import cancel_links, payment_links, queries
from charges.models import ChargeAttempt
from integrations.sandbox.stripe_api import cards
from notifications.models import Notification
from notifications.operations.message_context import message_context
from notifications.queries import why_unpaid
from notifications.rendering import emails
from tests.support.days import NOW
from tests.support.deliveries import capture, published
from tests.support.factories import charge_of, place_order
from tests.support.languages import LANGUAGES
from tests.support.sandboxes import StripeSandbox

pytestmark = pytest.mark.django_db(transaction=True)

# Written by hand, because the table is under test.
EXPECTED = {
    "card_not_supported": "hard",
    "card_velocity_exceeded": "soft",
    "currency_not_supported": "hard",
    "do_not_honor": "soft",
    "do_not_try_again": "hard",
    "expired_card": "customer_action",
    "fraudulent": "hard",
    "generic_decline": "soft",
    "incorrect_cvc": "customer_action",
    "incorrect_number": "customer_action",
    "insufficient_funds": "soft",
    "invalid_account": "hard",
    "invalid_expiry_month": "customer_action",
    "invalid_expiry_year": "customer_action",
    "issuer_not_available": "soft",
    "lost_card": "hard",
    "new_account_information_available": "customer_action",
    "pickup_card": "hard",
    "processing_error": "soft",
    "reenter_transaction": "soft",
    "restricted_card": "hard",
    "revocation_of_all_authorizations": "hard",
    "revocation_of_authorization": "hard",
    "stolen_card": "hard",
    "stop_payment_order": "hard",
    "transaction_not_allowed": "hard",
    "try_again_later": "soft",
    "withdrawal_count_limit_exceeded": "soft",
}
AUTHENTICATES = {
    "pm_card_authenticationRequired",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
    "pm_card_authenticationRequiredOnSetup",
    "pm_card_threeDSecure2Required",
}


# Customers must not learn these reasons from the shop.
CONFIDENTIAL = ("fraudulent", "lost_card", "stolen_card", "pickup_card", "restricted_card")


def decline_of(alias: str) -> str:
    found = cards.by_alias(alias)
    assert found is not None
    decline = found[1].attach or found[1].charge
    return decline.decline_code if decline else ""


def test_every_code_of_the_sandbox_has_an_expected_category() -> None:
    assert set(EXPECTED) == set(cards.DECLINES)


@pytest.mark.parametrize("alias", cards.aliases())
def test_every_test_card_has_the_expected_category(stripe_sandbox: StripeSandbox, alias: str) -> None:
    capture(place_order(payment_method=alias))

    attempt = ChargeAttempt.objects.get()
    reading = queries.reading(attempt=attempt)
    if alias in AUTHENTICATES:
        assert reading is not None
        assert (attempt.status, reading.category, reading.needs_new_payment_method) == (
            "requires_action", "customer_action", False
        )  # fmt: skip
        assert published() == {"PaymentActionRequired": 1}
    elif code := decline_of(alias):
        assert reading is not None
        assert (attempt.status, reading.code, reading.category) == ("declined", code, EXPECTED[code])
        assert reading.decided_by != "unknown"
        assert published() == {"PaymentFailed": 1}
        # Dunning attempts a soft decline again. After other declines it waits for the customer.
        assert (queries.next_attempt_at(order_id=attempt.charge.order_id) is not None) == (EXPECTED[code] == "soft")
    else:
        assert (attempt.status, reading) == ("succeeded", None)


def email_after(card: str, *, locale: str = "en") -> emails.RenderedEmail:
    order = place_order(payment_method=card)
    order.contact_locale = locale
    order.contact_name = "Ada"
    order.save()
    capture(order)
    order.refresh_from_db(fields=["status"])
    context = message_context(kind=Notification.Kind.PAYMENT_FAILED, order=order, at=NOW)
    # Give all orders the same name and number, so that two e-mails can be compared.
    order.subscription.plan.name, order.number = "Coffee", "7K3M9-Q2XAB"
    return emails.render(kind=Notification.Kind.PAYMENT_FAILED, order=order, context=context)


@pytest.fixture
def same_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """The links in the mails about all orders are the same."""
    monkeypatch.setattr(payment_links, "payment_link", lambda **_: "https://shop.example.com/pay/x/")
    monkeypatch.setattr(cancel_links, "cancel_link", lambda **_: "https://shop.example.com/cancel/x/")


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "The card has expired."), ("de", "Die Karte ist abgelaufen."), ("eo", "has expired")]
)
def test_the_email_explains_what_the_customer_can_do(stripe_sandbox: StripeSandbox, locale: str, words: str) -> None:
    email = email_after("pm_card_chargeCustomerFail_expired_card", locale=locale)
    assert words in email.text
    assert words in email.html


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_stolen_card_reads_like_a_decline_without_a_reason(
    stripe_sandbox: StripeSandbox, same_links: None, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    # The date of the next attempt may differ: it follows from the category, which many codes share.
    monkeypatch.setattr(queries, "next_attempt_at", lambda **_: None)
    texts = {
        email_after(f"pm_card_chargeCustomerFail_{code}", locale=locale) for code in ("generic_decline", *CONFIDENTIAL)
    }
    assert len(texts) == 1


@pytest.mark.parametrize("locale", LANGUAGES)
def test_a_stolen_card_reads_like_any_card_that_is_not_charged_again(
    stripe_sandbox: StripeSandbox, same_links: None, locale: str
) -> None:
    harmless = ("do_not_try_again", "invalid_account", "stop_payment_order")
    texts = {email_after(f"pm_card_chargeCustomerFail_{code}", locale=locale) for code in (*harmless, *CONFIDENTIAL)}
    assert len(texts) == 1


def test_the_sent_email_contains_the_explanation_and_the_link(stripe_sandbox: StripeSandbox, monkeypatch: Any) -> None:
    from integrations.brevo import messages
    from notifications.operations import emails as operation

    sent: list[messages.Email] = []

    def send_email(*, email: messages.Email, **_: Any) -> Any:
        sent.append(email)
        return messages.Accepted(message_id="<1>")

    monkeypatch.setattr(messages, "send_email", send_email)
    order = place_order(payment_method="pm_card_chargeCustomerFail_insufficient_funds")
    capture(order)

    assert operation.send(kind=Notification.Kind.PAYMENT_FAILED, order_id=order.pk, at=NOW)

    assert "does not cover the amount" in sent[0].text
    assert payment_links.payment_link(order_id=order.pk, at=NOW) in sent[0].text


def test_a_later_invalid_request_does_not_change_the_explanation(stripe_sandbox: StripeSandbox) -> None:
    order = place_order(payment_method="pm_card_chargeCustomerFail_expired_card")
    capture(order)
    ChargeAttempt.objects.create(
        charge=charge_of(order), number=2, idempotency_key="k2", status="rejected", code="resource_missing",
        started_at=NOW, finished_at=NOW,
    )  # fmt: skip
    assert str(why_unpaid(order=order)).startswith("The card has expired.")
