"""Mails about an account are sent once, to the right address, and only while they are true."""

from __future__ import annotations

import datetime as dt
from uuid import uuid4

import pytest

from integrations.errors import ProviderRejected, ProviderUnavailable, ProviderUnclear
from notifications.models import Channel, Notification, Suppression
from notifications.operations import account_emails
from subscriptions.models import Customer, LoginRequest, User
from subscriptions.operations import email_changes, login_requests
from tests.support.accounts import code_in, customer_with_login
from tests.support.concurrency import at_once
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db(transaction=True)  # session locks must be outside transactions

Kind, Status = Notification.Kind, Notification.Status


@pytest.fixture
def ann(transactional_db: None) -> Customer:
    return customer_with_login()


def ask(now: dt.datetime, email: str = "Ann.Lee@example.com") -> LoginRequest:
    login_requests.request_login(email=email, network="192.0.2.1", browser="b" * 43, at=now)
    return LoginRequest.objects.get()


def send(request: LoginRequest, at: dt.datetime) -> bool:
    return account_emails.send_login_mail(login_request_id=request.pk, at=at)


def fault(kind: str, **fields: object) -> dict[str, object]:
    return {"provider": "brevo", "path": "/v3/smtp/email", "kind": kind, "times": 1, **fields}


def test_three_deliveries_at_once_are_one_mail(ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime) -> None:
    request = ask(now)
    assert sorted(at_once(lambda: send(request, now), times=3)) == [False, False, True]
    assert len(brevo_sandbox.records("mails")) == 1
    row = Notification.objects.get()
    assert (row.kind, row.order, row.customer, row.status) == (Kind.LOGIN_MAIL, None, ann, Status.SENT)


@pytest.mark.parametrize("email", ["unknown@example.com", "boss@example.com", "nobody@example.com"])
def test_an_address_without_a_customers_login_gets_no_mail_and_no_row(
    ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime, email: str
) -> None:
    User.objects.create_user("boss@example.com", is_staff=True)
    User.objects.create_user("nobody@example.com")
    assert not send(ask(now, email), now)
    assert brevo_sandbox.records("mails") == []
    assert Notification.objects.count() == 0


def test_a_retry_after_an_unclear_outcome_sends_the_same_code(
    ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime
) -> None:
    """Brevo may have sent the first mail, so its code must stay valid."""
    request = ask(now)
    brevo_sandbox.faults(fault("drop"))
    with pytest.raises(ProviderUnclear):
        send(request, now)
    assert send(request, now + dt.timedelta(minutes=1))
    from subscriptions.login_tokens import login_code

    assert [code_in(mail) for mail in brevo_sandbox.records("mails")] == [login_code(request_id=request.pk)]


def test_an_outage_is_retried_and_a_rejection_recorded(
    ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime
) -> None:
    request = ask(now)
    brevo_sandbox.faults(fault("error", status=429))
    with pytest.raises(ProviderUnavailable):
        send(request, now)
    brevo_sandbox.faults(fault("error", status=400))
    with pytest.raises(ProviderRejected):
        send(request, now)
    assert Notification.objects.get().status == Status.FAILED


def test_a_suppressed_address_gets_no_mail(ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime) -> None:
    Suppression.objects.create(channel=Channel.EMAIL, address_key="ann.lee@example.com", reason="hard_bounce")
    assert not send(ask(now), now)
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.SKIPPED, "hard_bounce")


def test_a_suppression_counts_for_the_address_of_the_mail(
    ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime
) -> None:
    Suppression.objects.create(channel=Channel.EMAIL, address_key="new@example.com", reason="hard_bounce")
    change = email_changes.request_email_change(customer_id=ann.pk, email="New@example.com", at=now)
    assert not account_emails.send_email_change_confirmation(email_change_id=change.pk, at=now)
    assert account_emails.send_email_change_notice(email_change_id=change.pk, at=now)
    assert not account_emails.send_email_changed(email_change_id=change.pk, at=now)


def test_two_requests_are_two_mails(ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime) -> None:
    for number in range(2):
        login_requests.request_login(email=ann.email, network="192.0.2.1", browser=f"{number}" * 43, at=now)
    assert [send(request, now) for request in LoginRequest.objects.all()] == [True, True]
    assert len({code_in(mail) for mail in brevo_sandbox.records("mails")}) == 2


def test_a_purged_request_sends_nothing(ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime) -> None:
    assert not account_emails.send_login_mail(login_request_id=uuid4(), at=now)
    assert not account_emails.send_email_change_confirmation(email_change_id=uuid4(), at=now)
    assert not account_emails.send_email_change_notice(email_change_id=uuid4(), at=now)
    assert not account_emails.send_email_changed(email_change_id=uuid4(), at=now)


def test_the_account_mail_is_sent_once_and_each_password_mail_once(
    ann: Customer, brevo_sandbox: BrevoSandbox, now: dt.datetime
) -> None:
    assert [account_emails.send_account_created(customer_id=ann.pk, at=now) for _ in range(2)] == [True, False]
    changes = [account_emails.send_password_changed(customer_id=ann.pk, change=c, at=now) for c in ("1", "1", "2")]
    assert changes == [True, False, True]
