"""Mails about a subscription are sent once, and only while they are true."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pytest

from charges.cancel_links import cancel_link
from charges.models import CardExpiryWarning, SavedPaymentMethod
from integrations.errors import ProviderUnavailable
from notifications.models import Notification
from notifications.operations import subscription_emails
from subscriptions.models import PendingChange, Reminder, Subscription, SubscriptionChange
from subscriptions.operations.cancellation import cancel_at_period_end, undo
from subscriptions.operations.pending_changes import close_all
from subscriptions.operations.price_changes import move_to_price
from subscriptions.operations.subscriptions import cancel
from tests.support.concurrency import at_once
from tests.support.days import NOW
from tests.support.factories import STAFF, change_price, make_plan, started_subscription
from tests.support.sandboxes import BrevoSandbox

pytestmark = pytest.mark.django_db(transaction=True)  # session locks must be outside transactions

Kind, Status = Notification.Kind, Notification.Status


@pytest.fixture
def subscription(transactional_db: None) -> Subscription:
    """Ann Lee's coffee, from March 1, 2026 on."""
    started = started_subscription(make_plan())
    Subscription.objects.update(status="active")
    started.refresh_from_db()
    SavedPaymentMethod.objects.create(
        customer=started.customer, payment_method_id="pm_1", stripe_id="pm_1", brand="visa", last4="4242"
    )
    return started


def reminder_of(subscription: Subscription, kind: Reminder.Kind = Reminder.Kind.RENEWAL) -> Reminder:
    return Reminder.objects.create(
        subscription=subscription, kind=kind, boundary=subscription.current_period_end, lead_days=7
    )


def remind(reminder: Reminder, at: dt.datetime = NOW) -> bool:
    return subscription_emails.send_reminder(reminder_id=reminder.pk, at=at)


@pytest.mark.parametrize(
    ("kind", "status", "tag"),
    [
        (Reminder.Kind.RENEWAL, "active", "renewal_reminder"),
        (Reminder.Kind.TRIAL_ENDING, "trialing", "trial_ending"),
    ],
)
def test_three_deliveries_at_once_are_one_reminder(
    subscription: Subscription, brevo_sandbox: BrevoSandbox, kind: Reminder.Kind, status: str, tag: str
) -> None:
    Subscription.objects.update(status=status)
    reminder = reminder_of(subscription, kind)
    assert sorted(at_once(lambda: remind(reminder), times=3)) == [False, False, True]
    [mail] = brevo_sandbox.records("mails")
    assert (mail["tags"], mail["to"][0]["email"]) == ([tag], "Ann.Lee@example.com")
    assert "Visa •••• 4242" in mail["textContent"] and "€12.90" in mail["textContent"]
    assert cancel_link(subscription_id=subscription.pk) in mail["textContent"].splitlines()
    row = Notification.objects.get()
    assert (row.kind, row.order, row.dedup_key, row.status) == (tag, None, str(reminder.pk), Status.SENT)


def test_an_untrue_reminder_is_skipped_with_its_reason(
    subscription: Subscription, brevo_sandbox: BrevoSandbox
) -> None:
    reminder = reminder_of(subscription)
    assert not remind(reminder, at=reminder.boundary)
    row = Notification.objects.get()
    assert (row.status, row.error_code) == (Status.SKIPPED, "boundary_has_passed")
    assert brevo_sandbox.records("mails") == []


def test_a_reminder_that_was_deleted_sends_nothing(brevo_sandbox: BrevoSandbox) -> None:
    assert not subscription_emails.send_reminder(reminder_id=uuid4(), at=NOW)
    assert Notification.objects.count() == 0


def test_an_outage_of_brevo_is_retried(subscription: Subscription, brevo_sandbox: BrevoSandbox) -> None:
    reminder = reminder_of(subscription)
    brevo_sandbox.faults({"provider": "brevo", "path": "/v3/smtp/email", "kind": "error", "times": 1, "status": 429})
    with pytest.raises(ProviderUnavailable):
        remind(reminder)
    assert remind(reminder)


def planned_price(subscription: Subscription) -> PendingChange:
    dearer = change_price(subscription.plan, amount=1500)
    assert move_to_price(subscription=subscription, price=dearer, actor=STAFF, at=NOW)
    return PendingChange.objects.get()


def test_a_price_change_is_announced_once_with_both_prices_and_its_day(
    subscription: Subscription, brevo_sandbox: BrevoSandbox
) -> None:
    change = planned_price(subscription)
    sent = at_once(lambda: subscription_emails.send_price_change(pending_change_id=change.pk, at=NOW), times=3)
    assert sorted(sent) == [False, False, True]
    [mail] = brevo_sandbox.records("mails")
    assert mail["tags"] == ["price_change"]
    for words in ("€12.90 every month", "€15.00 every month", "Valid from: April 1, 2026", "Cancel contracts here"):
        assert words in mail["textContent"], words


def test_a_price_change_that_was_replaced_is_not_announced(
    subscription: Subscription, brevo_sandbox: BrevoSandbox
) -> None:
    change = planned_price(subscription)
    close_all(subscription=subscription, outcome=PendingChange.Outcome.WITHDRAWN, actor=STAFF, at=NOW)
    assert not subscription_emails.send_price_change(pending_change_id=change.pk, at=NOW)
    assert Notification.objects.get().error_code == "change_withdrawn"
    assert not subscription_emails.send_price_change(pending_change_id=uuid4(), at=NOW)


def confirm(change: SubscriptionChange) -> bool:
    return subscription_emails.send_cancellation_receipt(change_id=change.pk, at=NOW)


def test_a_cancellation_is_confirmed_once_with_date_and_time(
    subscription: Subscription, brevo_sandbox: BrevoSandbox
) -> None:
    cancel_at_period_end(subscription_id=subscription.pk, reason="other", actor=STAFF, at=NOW)
    change = subscription.changes.get(kind="cancel_planned")
    assert sorted(at_once(lambda: confirm(change), times=3)) == [False, False, True]
    [mail] = brevo_sandbox.records("mails")
    assert mail["tags"] == ["cancellation_received"]
    assert "Received on: March 1, 2026, 12:00:00" in mail["textContent"]
    assert "ends on April 1, 2026" in mail["textContent"]


def test_a_cancellation_that_was_undone_is_not_confirmed(
    subscription: Subscription, brevo_sandbox: BrevoSandbox
) -> None:
    cancel_at_period_end(subscription_id=subscription.pk, reason="other", actor=STAFF, at=NOW)
    undo(subscription_id=subscription.pk, actor=STAFF, at=NOW)
    assert not confirm(subscription.changes.get(kind="cancel_planned"))
    assert Notification.objects.get().error_code == "cancellation_undone"
    assert not subscription_emails.send_cancellation_receipt(change_id=uuid4(), at=NOW)


def test_a_withdrawal_is_confirmed_as_such(subscription: Subscription, brevo_sandbox: BrevoSandbox) -> None:
    cancel(subscription=subscription, reason="withdrawal", actor=STAFF, at=NOW, refunded=1290)
    assert confirm(subscription.changes.get(kind="canceled"))
    [mail] = brevo_sandbox.records("mails")
    assert (mail["tags"], "Refund: €12.90" in mail["textContent"]) == (["withdrawal_received"], True)
    assert "/cancel/" not in mail["textContent"], "nothing is left to cancel"


def warning_of(subscription: Subscription) -> CardExpiryWarning:
    card = SavedPaymentMethod.objects.get(customer=subscription.customer)
    SavedPaymentMethod.objects.update(exp_year=2026, exp_month=3)
    return CardExpiryWarning.objects.create(payment_method=card, exp_year=2026, exp_month=3)


def warn(warning: CardExpiryWarning, at: dt.datetime = NOW) -> bool:
    return subscription_emails.send_card_expiring(warning_id=warning.pk, at=at)


def test_an_expiring_card_is_announced_once(subscription: Subscription, brevo_sandbox: BrevoSandbox) -> None:
    warning = warning_of(subscription)
    assert sorted(at_once(lambda: warn(warning), times=3)) == [False, False, True]
    [mail] = brevo_sandbox.records("mails")
    assert mail["tags"] == ["card_expiring"]
    for words in ("Visa •••• 4242", "at the end of 03/2026", "due on April 1, 2026", "/login/"):
        assert words in mail["textContent"], words


@pytest.mark.parametrize(
    ("card", "at", "reason"),
    [
        ({"exp_year": 2030}, NOW, "card_was_replaced"),
        ({"removed_at": NOW}, NOW, "card_was_removed"),
        ({}, NOW + dt.timedelta(days=31), "card_has_expired"),
    ],
)
def test_a_warning_that_is_untrue_is_skipped(
    subscription: Subscription, brevo_sandbox: BrevoSandbox, card: dict[str, Any], at: dt.datetime, reason: str
) -> None:
    warning = warning_of(subscription)
    SavedPaymentMethod.objects.update(**{"exp_year": 2026, **card})
    assert not warn(warning, at)
    assert Notification.objects.get().error_code == reason


def test_nobody_is_warned_if_nothing_is_charged_to_the_card(
    subscription: Subscription, brevo_sandbox: BrevoSandbox
) -> None:
    warning = warning_of(subscription)
    cancel_at_period_end(subscription_id=subscription.pk, reason="other", actor=STAFF, at=NOW)
    assert not warn(warning)
    assert not subscription_emails.send_card_expiring(warning_id=uuid4(), at=NOW)
    assert brevo_sandbox.records("mails") == []


def closed_change(subscription: Subscription, outcome: str) -> PendingChange:
    """A change of the quantity that was made now, with this outcome."""
    return PendingChange.objects.create(
        subscription=subscription, kind="plan", when="payment", price=subscription.price, quantity=3,
        actor_kind="customer", actor="1", created_at=NOW, closed_at=NOW, outcome=outcome,
    )  # fmt: skip


@pytest.mark.parametrize("outcome", ["applied", "dropped", "withdrawn", "replaced"])
def test_a_change_is_confirmed_once_and_a_dropped_one_is_reported(
    subscription: Subscription, brevo_sandbox: BrevoSandbox, outcome: str
) -> None:
    change = closed_change(subscription, outcome)
    for _ in range(2):
        subscription_emails.send_plan_changed(pending_change_id=change.pk, at=NOW)
        subscription_emails.send_plan_change_dropped(pending_change_id=change.pk, at=NOW)
    tags = {"applied": ["plan_changed"], "dropped": ["plan_change_dropped"]}.get(outcome, [])
    assert [tag for mail in brevo_sandbox.records("mails") for tag in mail["tags"]] == tags
    assert not subscription_emails.send_plan_changed(pending_change_id=uuid4(), at=NOW)


def test_a_change_of_a_canceled_subscription_sends_nothing(
    subscription: Subscription, brevo_sandbox: BrevoSandbox
) -> None:
    change = closed_change(subscription, "dropped")
    cancel(subscription=subscription, reason="customer", actor=STAFF, at=NOW)
    assert not subscription_emails.send_plan_change_dropped(pending_change_id=change.pk, at=NOW)
    assert brevo_sandbox.records("mails") == []
