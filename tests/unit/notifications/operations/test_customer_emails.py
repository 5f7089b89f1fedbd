"""A mail that is about no order is sent once for each key, to the given address, unless there is a reason against."""

from __future__ import annotations

import pytest

from notifications.models import Notification
from notifications.operations.customer_emails import send_once
from notifications.rendering.emails import RenderedEmail
from subscriptions.models import Customer
from tests.support.days import NOW
from tests.support.factories import make_customer
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db(transaction=True)  # session locks must be outside transactions
MAIL = RenderedEmail(to_name="Ann", subject="Hello", html="<p>Hello</p>", text="Hello")


def send(customer: Customer, key: str = "", **fields: str) -> bool:
    kind = Notification.Kind.LOGIN_MAIL
    return send_once(kind=kind, customer=customer, dedup_key=key, at=NOW, render=lambda: MAIL, **fields)


def test_one_mail_for_each_key_and_customer(brevo_sandbox: BrevoSandbox) -> None:
    ann, bob = make_customer(), make_customer(email="bob@example.com")
    assert [send(ann, "1"), send(ann, "1"), send(ann, "2"), send(bob, "1")] == [True, False, True, True]
    assert len(brevo_sandbox.records("mails")) == 3


def test_a_mail_goes_to_the_given_address(brevo_sandbox: BrevoSandbox) -> None:
    assert send(make_customer(), to="new@example.com")
    assert brevo_sandbox.records("mails")[0]["to"] == [{"email": "new@example.com", "name": "Ann"}]


def test_a_reason_stops_the_mail(brevo_sandbox: BrevoSandbox) -> None:
    assert not send(make_customer(), reason="untrue")
    assert (Notification.objects.get().status, Notification.objects.get().error_code) == ("skipped", "untrue")
