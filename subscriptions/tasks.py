"""AccountQueue."""

from __future__ import annotations

from uuid import UUID

from integrations.outbox.events import consumes
from integrations.sqs.topology import ACCOUNT
from subscriptions.events import CustomerRegistered
from subscriptions.operations import logins


@consumes(CustomerRegistered, name="accounts.create_login", queue=ACCOUNT)
def create_login(*, customer_id: UUID, **_: object) -> None:
    logins.create_login(customer_id=customer_id)
