"""Rules that import-linter cannot check: events have consumers, and tasks have frozen names and queues."""

from __future__ import annotations

import dataclasses
import inspect
from importlib import import_module
from pathlib import Path

import pytest

from integrations.outbox.events import Event, consumers_of
from integrations.sqs.tasks import registered_tasks
from integrations.sqs.topology import QUEUES

# Task names are frozen: a message that names a task may arrive after the next release.
TASKS = {
    "accounts.create_login": "AccountQueue",
    "accounts.purge_login_attempts": "AccountQueue",
    "accounts.begin_erasure": "AccountQueue",
    "accounts.erase_account": "AccountQueue",
    "emails.account_erased": "EmailsQueue",
    "emails.erase_messages": "EmailsQueue",
    "orders.erase_addresses": "OrdersQueue",
    "charges.erase_cards": "ChargesQueue",
    "charges.delete_stripe_customer": "ChargesQueue",
    "brevo.delete_contact": "BrevoQueue",
    "brevo.delete_mail_log": "BrevoQueue",
    "dixa.anonymize_end_user": "DixaQueue",
    "emails.account_created": "EmailsQueue",
    "emails.email_change_confirmation": "EmailsQueue",
    "emails.email_change_notice": "EmailsQueue",
    "emails.email_changed": "EmailsQueue",
    "emails.login_mail": "EmailsQueue",
    "emails.password_changed": "EmailsQueue",
    "emails.dunning_exhausted": "EmailsQueue",
    "emails.trial_refused": "EmailsQueue",
    "emails.order_confirmation": "EmailsQueue",
    "emails.payment_action_required": "EmailsQueue",
    "emails.payment_failed": "EmailsQueue",
    "emails.payment_link": "EmailsQueue",
    "emails.payment_reminder": "EmailsQueue",
    "emails.refund_failed": "EmailsQueue",
    "emails.refund_succeeded": "EmailsQueue",
    "emails.cancellation_receipt": "EmailsQueue",
    "emails.card_expiring": "EmailsQueue",
    "emails.price_change": "EmailsQueue",
    "emails.reminder": "EmailsQueue",
    "emails.welcome": "EmailsQueue",
    "orders.cancel_unpaid_orders": "OrdersQueue",
    "orders.lift_due_holds": "OrdersQueue",
    "emails.plan_changed": "EmailsQueue",
    "emails.plan_change_dropped": "EmailsQueue",
    "orders.place_renewal": "OrdersQueue",
    "orders.drop_unpaid_change": "OrdersQueue",
    "orders.cancel_order_of_closed_change": "OrdersQueue",
    "orders.purge_unused_quotes": "OrdersQueue",
    "orders.purge_stored_responses": "OrdersQueue",
    "orders.start_fulfillment": "OrdersQueue",
    "inbox.purge_webhook_events": "OrdersQueue",
    "outbox.purge_messages": "OrdersQueue",
    "sqs.purge_task_results": "OrdersQueue",
    "outbox.sweep": "OrdersQueue",
    "subscriptions.begin_due_renewals": "OrdersQueue",
    "subscriptions.move_to_price": "OrdersQueue",
    "subscriptions.publish_due_reminders": "OrdersQueue",
    "charges.check_unknown_outcomes": "ChargesQueue",
    "charges.attach_payment_method": "ChargesQueue",
    "charges.cancel_payment": "ChargesQueue",
    "charges.detach_payment_method": "ChargesQueue",
    "charges.update_stripe_customer": "ChargesQueue",
    "charges.cancel_other_unpaid_orders": "ChargesQueue",
    "charges.capture_payment": "ChargesQueue",
    "charges.check_ledger": "ChargesQueue",
    "charges.continue_reconciliation": "ChargesQueue",
    "charges.process_webhook": "ChargesQueue",
    "charges.read_payment": "ChargesQueue",
    "charges.reconcile_payments": "ChargesQueue",
    "charges.refund_payment": "ChargesQueue",
    "charges.stop_dunning": "ChargesQueue",
    "charges.fetch_missed_events": "ChargesQueue",
    "charges.take_dunning_step": "ChargesQueue",
    "charges.warn_of_expiring_cards": "ChargesQueue",
    "sms.order_paid": "SmsQueue",
    "sms.payment_action_required": "SmsQueue",
    "sms.payment_failed": "SmsQueue",
    "brevo.process_webhook": "BrevoQueue",
    "brevo.sync_contact": "BrevoQueue",
    "dixa.sync_end_user": "DixaQueue",
}


ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "notifications", "charges", "orders", "subscriptions", "integrations")

# Names that do not say what a module is about. The exhaustive layers forbid them in an app, and this list below it.
VAGUE_NAMES = {"common", "helpers", "misc", "services", "shared", "signals", "utils"}


def has_vague_name(path: Path) -> bool:
    return not VAGUE_NAMES.isdisjoint(path.with_suffix("").parts)


def all_events() -> list[type[Event]]:
    modules = [f"{app}.events" for app in ("subscriptions", "orders", "charges", "notifications")]
    return [
        event
        for module in modules
        for _, event in inspect.getmembers(import_module(module), inspect.isclass)
        if issubclass(event, Event) and event is not Event and event.__module__ == module
    ]


def test_task_names_and_their_queues_are_frozen() -> None:
    tasks = {name: queue.name for name, queue in registered_tasks().items() if not name.startswith("tests.")}
    assert tasks == TASKS


@pytest.mark.parametrize("event", all_events(), ids=lambda event: event.__name__)
def test_every_event_has_a_consumer(event: type[Event]) -> None:
    assert consumers_of(event)


@pytest.mark.parametrize("event", all_events(), ids=lambda event: event.__name__)
def test_every_event_names_the_field_with_its_subject(event: type[Event]) -> None:
    types = {field.name: field.type for field in dataclasses.fields(event)}
    assert types[event.subject_field] == "UUID"


@pytest.mark.parametrize("event", all_events(), ids=lambda event: event.__name__)
def test_the_messages_of_an_event_with_a_customer_are_grouped_by_customer(event: type[Event]) -> None:
    names = {field.name for field in dataclasses.fields(event)}
    assert event.group_field == ("customer_id" if "customer_id" in names else "")


def test_the_outbox_names_no_field_of_an_app() -> None:
    for module in Path("integrations/outbox").glob("*.py"):
        assert "customer_id" not in module.read_text(), module


def test_every_queue_has_a_task() -> None:
    assert set(TASKS.values()) == {queue.name for queue in QUEUES}


def test_every_periodic_job_has_a_task() -> None:
    from config.schedule import JOBS

    assert {job["task"] for job in JOBS.values()} <= set(TASKS)


def test_no_module_has_a_vague_name() -> None:
    modules = [path.relative_to(ROOT) for app in APPS for path in (ROOT / app).rglob("*.py")]
    assert modules
    assert [str(path) for path in modules if has_vague_name(path)] == []


@pytest.mark.parametrize("path", ["charges/operations/utils.py", "integrations/sqs/helpers/times.py"])
def test_a_planted_vague_name_is_found(path: str) -> None:
    assert has_vague_name(Path(path))
