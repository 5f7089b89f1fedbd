from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

import notifications.operations
import subscriptions.operations.erasures
from integrations.errors import ProviderError
from notifications.models import Channel, ContactSync, Notification, Suppression
from notifications.operations import account_emails, contact_syncs, erasing, suppressions
from subscriptions.models import Customer, Erasure
from tests.support.concurrency import Died, Moments, at_once
from tests.support.days import NOW
from tests.support.erasures import begun_erasure, messages_of, request_erasure, step_of
from tests.support.factories import make_customer, make_order
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db(transaction=True)

PACKAGES = (notifications.operations, subscriptions.operations.erasures)
FOLDERS = tuple(str(Path(package.__path__[0])) for package in PACKAGES)
DAY = dt.timedelta(days=1)


@pytest.fixture
def ann(brevo_sandbox: BrevoSandbox) -> Customer:
    """A customer with a copy at both providers."""
    customer = make_customer(marketing_consent=True)
    sync(customer)
    return customer


@pytest.fixture
def erasure(ann: Customer) -> Erasure:
    return begun_erasure(ann)


def sync(customer: Customer) -> None:
    contact_syncs.sync_contact(customer_id=customer.pk, at=NOW)
    contact_syncs.sync_end_user(customer_id=customer.pk, at=NOW)


# Brevo


def test_the_contact_is_deleted(ann: Customer, erasure: Erasure, brevo_sandbox: BrevoSandbox) -> None:
    assert erasing.delete_contact(erasure_id=erasure.pk, at=NOW)
    assert brevo_sandbox.records("contacts") == []
    assert not ContactSync.objects.filter(provider="brevo").exists()
    assert not erasing.delete_contact(erasure_id=erasure.pk, at=NOW)
    assert step_of(erasure, "brevo_contact").detail == "contact deleted"


def test_the_contact_of_a_newer_account_with_the_same_address_stays(
    erasure: Erasure, brevo_sandbox: BrevoSandbox
) -> None:
    again = make_customer()
    contact_syncs.sync_contact(customer_id=again.pk, at=NOW)
    assert erasing.delete_contact(erasure_id=erasure.pk, at=NOW)
    assert [row["ext_id"] for row in brevo_sandbox.records("contacts")] == [str(again.pk)]
    assert step_of(erasure, "brevo_contact").detail == "there was no contact"


def test_a_sync_never_brings_the_contact_back(ann: Customer, erasure: Erasure, brevo_sandbox: BrevoSandbox) -> None:
    at_once(
        lambda: sync(ann),
        lambda: erasing.delete_contact(erasure_id=erasure.pk, at=NOW),
        lambda: erasing.anonymize_end_user(erasure_id=erasure.pk, at=NOW),
    )
    sync(ann)
    assert brevo_sandbox.records("contacts") == []
    assert [row["displayName"] for row in brevo_sandbox.records("endusers")] == ["Anonymized"]
    assert ContactSync.objects.count() == 0


def test_a_sync_that_began_before_the_erasure_ends_first(
    ann: Customer, brevo_sandbox: BrevoSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.brevo import contacts

    upsert, erasures = contacts.upsert_contact, []

    def upsert_while_erased(**arguments: Any) -> Any:
        erasures.append(begun_erasure(ann))
        return upsert(**arguments)

    monkeypatch.setattr(contacts, "upsert_contact", upsert_while_erased)
    contact_syncs.sync_contact(customer_id=ann.pk, at=NOW)
    assert erasing.delete_contact(erasure_id=erasures[0].pk, at=NOW)
    assert brevo_sandbox.records("contacts") == []


def test_the_log_is_deleted_a_day_later_with_the_last_mail(
    ann: Customer, erasure: Erasure, brevo_sandbox: BrevoSandbox
) -> None:
    account_emails.send_account_erased(erasure_id=erasure.pk, at=NOW)
    assert not erasing.delete_mail_log(erasure_id=erasure.pk, at=NOW)
    [later] = messages_of("MailLogDeletionDue")
    assert (later.task, later.not_before) == ("brevo.delete_mail_log", NOW + DAY)
    assert len(brevo_sandbox.records("mails")) == 1
    assert erasing.delete_mail_log(erasure_id=erasure.pk, at=NOW + DAY)
    assert brevo_sandbox.records("mails") == []


def test_the_last_mail_goes_to_the_old_address_with_the_link(
    ann: Customer, brevo_sandbox: BrevoSandbox
) -> None:
    Customer.objects.update(locale="de")
    erasure = request_erasure(ann)
    assert account_emails.send_account_erased(erasure_id=erasure.pk, at=NOW)
    assert not account_emails.send_account_erased(erasure_id=erasure.pk, at=NOW)
    [mail] = brevo_sandbox.records("mails")
    assert mail["to"] == [{"email": "Ann.Lee@example.com"}]
    assert "/erasure/" in mail["textContent"] and "gelöscht" in mail["textContent"]


def test_a_replayed_erasure_sends_no_second_mail(ann: Customer, brevo_sandbox: BrevoSandbox) -> None:
    erasure = request_erasure(ann)
    Erasure.objects.update(export="replay")
    assert not account_emails.send_account_erased(erasure_id=erasure.pk, at=NOW)
    assert brevo_sandbox.records("mails") == []


def test_no_other_message_is_sent(ann: Customer, brevo_sandbox: BrevoSandbox) -> None:
    from notifications.operations import emails

    order = make_order(customer=ann, status="fulfilled")
    request_erasure(ann)
    assert not account_emails.send_account_created(customer_id=ann.pk, at=NOW)
    assert not emails.send(kind=Notification.Kind.ORDER_CONFIRMATION, order_id=order.pk, at=NOW)
    assert brevo_sandbox.records("mails") == []
    assert set(Notification.objects.values_list("error_code", flat=True)) == {"customer_erased"}


# Dixa


def test_dixa_is_asked_until_the_end_user_is_anonymized(
    ann: Customer, erasure: Erasure, brevo_sandbox: BrevoSandbox
) -> None:
    assert not erasing.anonymize_end_user(erasure_id=erasure.pk, at=NOW)
    assert step_of(erasure, "dixa").last_error == "Dixa is anonymizing"
    assert not erasing.anonymize_end_user(erasure_id=erasure.pk, at=NOW)
    polls = messages_of("AnonymizationPending")
    assert {row.not_before for row in polls} == {NOW + erasing.POLL_EVERY} and len(polls) == 2
    assert erasing.anonymize_end_user(erasure_id=erasure.pk, at=NOW)
    assert step_of(erasure, "dixa").detail == "anonymized"
    assert len(brevo_sandbox.calls("dixa", "/anonymize")) == 1


def test_open_conversations_delay_the_anonymization_for_a_week(
    ann: Customer, erasure: Erasure, brevo_sandbox: BrevoSandbox
) -> None:
    [user] = brevo_sandbox.records("endusers")
    brevo_sandbox.http.post(f"/sandbox/dixa/endusers/{user['id']}/conversation", json={"open": True})
    assert not erasing.anonymize_end_user(erasure_id=erasure.pk, at=NOW)
    assert step_of(erasure, "dixa").last_error == "conversations are open"
    [again] = messages_of("AnonymizationPending")
    assert again.not_before == NOW + DAY
    assert brevo_sandbox.records("endusers")[0]["displayName"] == "Ann Lee"
    erasing.anonymize_end_user(erasure_id=erasure.pk, at=NOW + 7 * DAY)
    assert brevo_sandbox.records("endusers")[0]["displayName"] == "Anonymized"


def test_a_customer_without_copies_is_done_at_once(brevo_sandbox: BrevoSandbox) -> None:
    erasure = begun_erasure(make_customer())
    assert erasing.delete_contact(erasure_id=erasure.pk, at=NOW)
    assert erasing.anonymize_end_user(erasure_id=erasure.pk, at=NOW)
    assert step_of(erasure, "dixa").detail == "there was no end user"


@pytest.mark.parametrize(("provider", "name"), [("brevo", "brevo_contact"), ("brevo", "brevo_log"), ("dixa", "dixa")])
def test_if_a_provider_is_down_the_step_is_repeated(
    ann: Customer, erasure: Erasure, brevo_sandbox: BrevoSandbox, provider: str, name: str
) -> None:
    step = {
        "brevo_contact": erasing.delete_contact,
        "brevo_log": erasing.delete_mail_log,
        "dixa": erasing.anonymize_end_user,
    }[name]
    brevo_sandbox.faults({"provider": provider, "kind": "error", "status": 503})
    with pytest.raises(ProviderError):
        step(erasure_id=erasure.pk, at=NOW + DAY)
    assert step_of(erasure, name).last_error
    brevo_sandbox.faults()
    for _ in range(3):
        step(erasure_id=erasure.pk, at=NOW + DAY)
    assert step_of(erasure, name).done_at is not None


# The shop


def test_blocked_addresses_are_forgotten_unless_another_customer_has_them(ann: Customer) -> None:
    for channel, address in (
        (Channel.EMAIL, ann.email), (Channel.EMAIL, "bob@example.com"), (Channel.SMS, ann.phone)
    ):  # fmt: skip
        suppressions.suppress(channel=channel, address=address, reason=Suppression.Reason.HARD_BOUNCE)
    make_customer(email="bob@example.com", phone=ann.phone)
    erasure = begun_erasure(ann)
    assert erasing.erase_messages(erasure_id=erasure.pk, at=NOW)
    assert set(Suppression.objects.values_list("address_key", flat=True)) == {"bob@example.com", "4915112345678"}


def test_a_phone_that_nobody_else_has_is_forgotten(ann: Customer) -> None:
    suppressions.suppress(channel=Channel.SMS, address=ann.phone, reason=Suppression.Reason.UNSUBSCRIBED)
    erasing.erase_messages(erasure_id=begun_erasure(ann).pk, at=NOW)
    assert Suppression.objects.count() == 0


def test_the_copy_holds_messages_and_copies(ann: Customer) -> None:
    order = make_order(customer=ann)
    Notification.objects.create(kind="welcome", channel="email", customer=ann, order=order)
    Notification.objects.create(kind="account_created", channel="sms", customer=ann)
    rows = list(erasing.PART.sections["messages"](ann.pk))
    assert [(row["kind"], row["order"]) for row in rows] == [("welcome", order.number), ("account_created", None)]
    assert {row["provider"] for row in erasing.PART.sections["copies_at_providers"](ann.pk)} == {"brevo", "dixa"}
    assert [kept.system for kept in erasing.PART.kept(ann.pk, NOW)] == ["Shop", "Brevo"]


STEPS = {
    "brevo_contact": erasing.delete_contact,
    "brevo_log": erasing.delete_mail_log,
    "dixa": erasing.anonymize_end_user,
    "messages": erasing.erase_messages,
}


@pytest.mark.parametrize("name", STEPS)
def test_killed_at_every_moment(brevo_sandbox: BrevoSandbox, name: str) -> None:
    step, later = STEPS[name], NOW + DAY

    def fresh(number: int) -> Erasure:
        customer = make_customer(email=f"ann{number}@example.com", phone="")
        sync(customer)
        return begun_erasure(customer)

    erasure, recorder = fresh(0), Moments(folders=FOLDERS)
    with recorder:
        step(erasure_id=erasure.pk, at=later)
    assert len(recorder.seen) >= 3
    for number, moment in enumerate(recorder.seen, start=1):
        erasure = fresh(number)
        with pytest.raises(Died), Moments(die_at=moment, folders=FOLDERS):
            step(erasure_id=erasure.pk, at=later)
        for _ in range(3):
            step(erasure_id=erasure.pk, at=later)
        assert step_of(erasure, name).done_at is not None, moment
    if name == "brevo_contact":
        assert brevo_sandbox.records("contacts") == []
    if name == "dixa":
        assert {row["displayName"] for row in brevo_sandbox.records("endusers")[1:]} == {"Anonymized"}
