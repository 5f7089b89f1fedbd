"""Customers who are erased, without a request over HTTP."""

from __future__ import annotations

import datetime as dt
from typing import Any

from integrations.outbox.models import OutboxMessage
from subscriptions import actors
from subscriptions.models import Customer, Erasure, ErasureStep
from subscriptions.operations.erasures import progress, requests
from tests.support.days import NOW


def request_erasure(customer: Customer, *, at: dt.datetime = NOW, export_declined: bool = True) -> Erasure:
    """The erasure that the customer requests, without a copy unless the test says otherwise."""
    return requests.request_erasure(
        customer_id=customer.pk, export_declined=export_declined, actor=actors.customer(customer.pk), at=at
    )


def begun_erasure(customer: Customer, *, at: dt.datetime = NOW) -> Erasure:
    """An erasure for which no money is open: its steps can run."""
    erasure = request_erasure(customer, at=at)
    assert progress.begin(erasure_id=erasure.pk, at=at)
    erasure.refresh_from_db()
    return erasure


def step_of(erasure: Erasure, name: str) -> ErasureStep:
    """The step as stored now."""
    return ErasureStep.objects.get(erasure=erasure, name=name)


def finish_other_steps(erasure: Erasure, *names: str, at: dt.datetime = NOW) -> None:
    """Mark all steps but these as done."""
    ErasureStep.objects.filter(erasure=erasure).exclude(name__in=names).update(done_at=at)


def messages_of(event: str) -> list[Any]:
    """The outbox messages of this event, oldest first."""
    return list(OutboxMessage.objects.filter(headers__event=event).order_by("pk"))
