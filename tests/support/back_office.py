"""What tests of the admin share: an order with which everything went wrong, so that every list has a row."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.support.payments import NOW, place_order
from tests.support.refunds import ask

ONE_DAY = dt.timedelta(days=1)


def unhappy_order(*, steps: int = 0, **fields: Any) -> Any:
    """An order with a charge, a refund, a dispute, a finding, a message to its customer, and ``steps`` of dunning."""
    from charges.models import Charge, Dispute, DunningRun, ReconciliationFinding, ReconciliationRun
    from notifications.models import Notification

    order = place_order(status="paid", paid_at=NOW, **fields)
    charge = Charge.objects.create(
        order=order,
        amount=order.amount,
        currency=order.currency,
        status="succeeded",
        succeeded_at=NOW,
        payment_intent_id=f"pi_{order.pk.hex}",
    )
    ask(charge, 1)
    disputed = {"amount": 1290, "currency": "EUR", "status": "needs_response", "opened_at": NOW, "due_by": NOW}
    Dispute.objects.create(charge=charge, stripe_id=f"du_{order.pk.hex}", is_inquiry=False, **disputed)
    run = DunningRun.objects.create(order=order, schedule=[2] * 8, unpaid_policy="cancel", started_at=NOW)
    for number in range(1, steps + 1):
        attempt = charge.attempts.create(
            number=number, idempotency_key=f"{charge.pk}:{number}", status="declined", started_at=NOW, finished_at=NOW
        )
        run.steps.create(number=number, due_at=NOW, status="attempted", done_at=NOW, attempt=attempt)
    ReconciliationFinding.objects.create(
        run=ReconciliationRun.objects.create(since=NOW - ONE_DAY, until=NOW, started_at=NOW),
        charge=charge,
        kind="intent",
        problem="missing_there",
        stripe_id=charge.payment_intent_id,
        details="Stripe does not know it.",
        next_step="Look at it.",
        status="suspected",
        made_at=NOW,
        first_seen_at=NOW,
        last_seen_at=NOW,
    )
    Notification.objects.create(kind="payment_failed", channel="email", customer=order.customer, order=order)
    return order


def queries_for(client: Client, url: str) -> int:
    """How many statements a page takes once this process has looked up what it keeps, as content types."""
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)
