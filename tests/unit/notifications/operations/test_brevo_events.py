from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from integrations.brevo.webhooks import RawEvent
from integrations.inbox.models import WebhookEvent
from integrations.inbox.queries import WebhookEventNotFound
from integrations.outbox.models import OutboxMessage
from notifications.models import Channel, Notification, Suppression
from notifications.operations import brevo_events, emails, sms
from subscriptions.models import Customer
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.erasures import request_erasure
from tests.support.factories import make_customer, make_order

Kind, Status = Notification.Kind, Notification.Status


@pytest.fixture
def receive(now):
    """Stores and processes one event of Brevo. Returns the outcome in words."""

    def run(**payload: Any) -> str:
        event = WebhookEvent.objects.create(provider="brevo", event_id=str(uuid4()), type="x", payload=payload)
        assert brevo_events.process(webhook_event_id=event.pk, at=now)
        event.refresh_from_db()
        assert event.processed_at is not None
        return event.outcome

    return run


@pytest.fixture
def mail(db: None, now) -> Notification:
    order = make_order(customer={"marketing_consent": True})
    return Notification.objects.create(
        kind=Kind.WELCOME,
        channel=Channel.EMAIL,
        customer=order.customer,
        order=order,
        status=Status.SENT,
        sent_at=now,
        first_attempted_at=now,
        provider_message_id="<m@relay>",
    )


def about(notification: Notification, event: str) -> dict[str, Any]:
    return {
        "event": event,
        "email": "ANN.lee@example.com",
        "message-id": notification.provider_message_id,
        "X-Mailin-custom": str(notification.pk),
    }


def status_of(notification: Notification) -> str:
    notification.refresh_from_db()
    return notification.status


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        ("sending", "request", "sent"),
        ("unknown", "request", "sent"),
        ("unknown", "delivered", "delivered"),
        ("sent", "delivered", "delivered"),
        ("delivered", "request", "delivered"),
        ("delivered", "hard_bounce", "bounced"),
        ("bounced", "delivered", "bounced"),
        ("sent", "invalid_email", "bounced"),
        ("sent", "blocked", "bounced"),
        ("sent", "error", "bounced"),
        ("delivered", "opened", "delivered"),
        ("delivered", "click", "delivered"),
        ("sent", "soft_bounce", "sent"),
        ("pending", "delivered", "pending"),
        ("failed", "delivered", "failed"),
        ("sent", "something new", "sent"),
    ],
)
def test_a_message_only_moves_forward(before, event, after, mail, receive):
    Notification.objects.update(status=before)
    receive(**about(mail, event))
    assert status_of(mail) == after


def test_a_message_is_also_found_by_brevos_id(mail, receive):
    assert receive(event="delivered", **{"message-id": "<m@relay>"}) == "welcome is delivered"
    assert status_of(mail) == Status.DELIVERED


def test_delays_are_counted_and_suppress_nothing(mail, receive):
    receive(**about(mail, "soft_bounce"))
    receive(**about(mail, "deferred"))
    mail.refresh_from_db()
    assert mail.delays == 2
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("hard_bounce", "hard_bounce"),
        ("hard_bounced", "hard_bounce"),
        ("invalid_email", "invalid_email"),
        ("blocked", "blocked"),
        ("spam", "spam"),
        ("complaint", "spam"),
        ("unsubscribed", "unsubscribed"),
    ],
)
def test_failed_addresses_and_complaints_are_suppressed(event, reason, mail, receive):
    receive(**about(mail, event))
    receive(**about(mail, event))
    row = Suppression.objects.get()
    assert (row.channel, row.address_key, row.reason) == ("email", "ann.lee@example.com", reason)


@pytest.mark.parametrize("event", ["unsubscribe", "unsubscribed", "spam"])
@pytest.mark.parametrize("marketing", [{}, {"camp_id": 5, "campaign name": "Autumn"}])
def test_unsubscribing_withdraws_the_consent_and_syncs_the_contact(event, marketing, mail, receive):
    receive(event=event, email="Ann.Lee@Example.com", ts_event=1, **marketing)
    receive(event=event, email="Ann.Lee@Example.com", ts_event=2, **marketing)

    assert not Customer.objects.get().marketing_consent
    tasks = OutboxMessage.objects.filter(headers__event="CustomerUpdated").values_list("task", flat=True)
    assert sorted(tasks) == ["brevo.sync_contact", "charges.update_stripe_customer", "dixa.sync_end_user"]


def test_an_unknown_address_that_unsubscribes_is_suppressed(db, receive):
    assert receive(event="unsubscribe", email="x@example.com", camp_id=1) == "suppressed: unsubscribed"


@pytest.mark.django_db(transaction=True)
def test_stop_withdraws_the_consent_and_ends_all_sms(brevo_sandbox, receive, now):
    order = make_order()
    make_customer(email="bob@example.com", phone=order.customer.phone)

    receive(msg_status="unsubscribe", to="4915112345678", messageId=9, ts_event=1)

    assert list(Customer.objects.values_list("sms_consent", flat=True)) == [False, False]
    assert not sms.send(kind=Kind.ORDER_PAID, order_id=order.pk, at=now)
    assert brevo_sandbox.records("sms") == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("as_tag", [str, lambda text: [text], lambda text: f'["{text}"]'])
def test_an_sms_of_unknown_outcome_is_found_by_its_tag(as_tag, brevo_sandbox, receive, now):
    order = make_order()
    brevo_sandbox.faults({"provider": "brevo", "kind": "drop_after_effect"})
    sms.send(kind=Kind.ORDER_PAID, order_id=order.pk, at=now)
    row = Notification.objects.get()
    assert row.status == Status.UNKNOWN

    receive(msg_status="delivered", to="4915112345678", messageId=123, tag=as_tag(str(row.pk)))

    assert status_of(row) == Status.DELIVERED
    assert row.provider_message_id == "123"


@pytest.mark.django_db(transaction=True)
def test_an_event_that_arrives_before_our_commit_is_kept(brevo_sandbox, receive, now, monkeypatch):
    order = make_order()
    from notifications.operations import claims

    record_sent = claims.record_sent

    def late(**arguments: Any) -> None:
        row = Notification.objects.get()
        receive(**about(row, "request"))
        receive(**about(row, "hard_bounce"))
        record_sent(**arguments)

    monkeypatch.setattr(claims, "record_sent", late)
    emails.send(kind=Kind.WELCOME, order_id=order.pk, at=now)

    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.BOUNCED, "hard_bounce")
    assert row.provider_message_id.startswith("<")


def test_concurrent_processing_counts_once(transactional_db: None, mail, now):
    event = WebhookEvent.objects.create(
        provider="brevo", event_id="e", type="soft_bounce", payload=about(mail, "soft_bounce")
    )

    outcomes = at_once(lambda: brevo_events.process(webhook_event_id=event.pk, at=now), times=3)

    assert sorted(outcomes) == [False, False, True]
    mail.refresh_from_db()
    assert mail.delays == 1


def test_an_unknown_event_is_an_error(db, now):
    with pytest.raises(WebhookEventNotFound):
        brevo_events.process(webhook_event_id=uuid4(), at=now)


# Events about no customer


def raw(**payload: Any) -> RawEvent:
    document = {"event": "hard_bounce", "message-id": "<1@x>", "ts_event": 1, "subject": "Hi Ann", **payload}
    return RawEvent(event_id=str(uuid4()), type="hard_bounce", payload=document)


def recorded(event: RawEvent) -> Any:
    assert brevo_events.record(events=[event]) == 1
    return WebhookEvent.objects.get().payload


@pytest.mark.django_db(transaction=True)
class TestRecording:
    def test_an_event_about_a_customers_address_is_stored_whole(self) -> None:
        make_customer()
        event = raw(email="ANN.LEE@example.com")
        assert recorded(event) == event.payload

    def test_of_an_event_about_nobodys_address_only_ids_are_stored(self) -> None:
        assert recorded(raw(email="ann.lee@example.com")) == {
            "event": "hard_bounce", "message-id": "<1@x>", "ts_event": 1,
        }  # fmt: skip

    def test_an_event_about_a_message_to_a_customer_is_stored_whole_for_any_address(self) -> None:
        message = Notification.objects.create(
            kind="email_change_confirmation", channel="email", customer=make_customer()
        )
        event = raw(email="new@example.com", **{"X-Mailin-custom": str(message.pk)})
        assert recorded(event) == event.payload

    def test_an_event_about_a_message_to_an_erased_customer_is_shortened_but_moves_the_message(self) -> None:
        ann = make_customer()
        message = Notification.objects.create(
            kind="welcome", channel="email", customer=ann, status="sent", sent_at=NOW,
            provider_message_id="<1@x>",
        )  # fmt: skip
        request_erasure(ann)
        make_customer()  # a new account with the same address
        payload = recorded(raw(email="ann.lee@example.com", **{"X-Mailin-custom": str(message.pk)}))
        assert "email" not in payload and "subject" not in payload

        brevo_events.process(webhook_event_id=WebhookEvent.objects.get().pk, at=NOW)
        message.refresh_from_db()
        assert message.status == "bounced"
        assert Suppression.objects.count() == 0

    @pytest.mark.parametrize("is_customer", [True, False])
    def test_an_event_about_an_sms_is_stored_whole_for_customers_only(self, is_customer: bool) -> None:
        make_customer(phone="+4915112345678" if is_customer else "")
        document = {"msg_status": "delivered", "to": "4915112345678", "messageId": 5}
        payload = recorded(RawEvent(event_id="1", type="delivered", payload=document))
        assert ("to" in payload) is is_customer

    def test_stored_events_are_shortened_afterwards(self) -> None:
        ann = make_customer()
        make_customer(email="bob@example.com", phone="")
        message = Notification.objects.create(kind="welcome", channel="email", customer=ann)
        documents = [
            {"event": "opened", "email": "Ann.Lee@Example.com"},
            {"event": "opened", "email": "old@example.com", "X-Mailin-custom": str(message.pk)},
            {"msg_status": "delivered", "to": "4915112345678"},
            {"event": "opened", "email": "bob@example.com"},
        ]
        for number, payload in enumerate(documents):
            WebhookEvent.objects.create(provider="brevo", event_id=str(number), type="x", payload=payload)
        count = brevo_events.erase_stored(customer_id=ann.pk, addresses=[ann.email], phones=[ann.phone])
        assert count == 3
        stored = [row.payload for row in WebhookEvent.objects.order_by("pk")]
        assert [("email" in payload or "to" in payload) for payload in stored] == [False, False, False, True]
