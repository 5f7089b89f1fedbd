"""The tasks of this app, on AccountQueue, and the renewals on OrdersQueue."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from integrations.outbox import recovery
from integrations.outbox.events import consumes
from integrations.sqs.tasks import task
from integrations.sqs.topology import ACCOUNT, ORDERS
from subscriptions.events import CustomerRegistered, ErasureBegun, ErasureRequested, ErasureWaits, PriceMoveRequested
from subscriptions.operations import (
    attempt_limits,
    email_changes,
    login_requests,
    logins,
    price_changes,
    reminders,
    renewals,
)
from subscriptions.operations.erasures import own_part, parts, progress
from subscriptions.operations.erasures import recovery as stuck_erasures

recovery.register(stuck_erasures.FINDERS)
parts.register("subscriptions", own_part.PART)


@consumes(CustomerRegistered, name="accounts.create_login", queue=ACCOUNT)
def create_login(*, customer_id: UUID, **_: object) -> None:
    logins.create_login(customer_id=customer_id)


@consumes(ErasureRequested, ErasureWaits, name="accounts.begin_erasure", queue=ACCOUNT)
def begin_erasure(*, erasure_id: UUID, **_: object) -> None:
    progress.begin(erasure_id=erasure_id, at=timezone.now())


@consumes(ErasureBegun, name="accounts.erase_account", queue=ACCOUNT)
def erase_account(*, erasure_id: UUID, **_: object) -> None:
    own_part.erase_account(erasure_id=erasure_id, at=timezone.now())


@task(name="accounts.purge_login_attempts", queue=ACCOUNT)
def purge_login_attempts(**_: object) -> None:
    login_requests.purge_login_requests(at=timezone.now())
    email_changes.purge_email_changes(at=timezone.now())
    attempt_limits.purge_attempts(at=timezone.now())
    logins.purge_sessions(at=timezone.now())


@task(name="subscriptions.begin_due_renewals", queue=ORDERS)
def begin_due_renewals(**_: object) -> None:
    renewals.begin_due_renewals(at=timezone.now())


@task(name="subscriptions.publish_due_reminders", queue=ORDERS)
def publish_due_reminders(**_: object) -> None:
    reminders.publish_due_reminders(at=timezone.now())


@consumes(PriceMoveRequested, name="subscriptions.move_to_price", queue=ORDERS)
def move_to_price(*, price_id: UUID, staff_id: UUID, **_: object) -> None:
    price_changes.move_all(price_id=price_id, staff_id=staff_id, at=timezone.now())
