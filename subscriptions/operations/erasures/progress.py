"""Carry an erasure through: wait until no money is open, run each step until it is done, write the certificate.

Each step is a task of the app that owns the data, and is repeated on its own. It may run twice and concurrently: what
is erased stays erased. The sweep sends the message of a step again as long as the step is open.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from uuid import UUID

from django.db import transaction
from django.db.models import F

from integrations.outbox.events import publish
from subscriptions.events import ErasureBegun, ErasureWaits
from subscriptions.models import Erasure, ErasureStep
from subscriptions.operations.erasures import parts
from subscriptions.operations.erasures.cancellations import cancel_subscriptions
from subscriptions.operations.erasures.certificates import certificate
from subscriptions.operations.locks import locked_erasure

logger = logging.getLogger(__name__)

Status = Erasure.Status
# How long an erasure waits for open money before it looks again: the payment of a canceled order is usually canceled
# within a minute, and a dispute takes weeks.
WAITS = (dt.timedelta(minutes=1), dt.timedelta(minutes=10), dt.timedelta(hours=1))
LONG_WAIT = dt.timedelta(hours=6)


class StepWaits(Exception):
    """The step is not done, and nothing is wrong. Its own message comes later. The text holds nothing personal."""


def begin(*, erasure_id: UUID, at: dt.datetime) -> bool:
    """Cancel the subscriptions and, if no money is open, have every app erase its part. Returns False if it waits.

    A payment may have been captured while the erasure was requested, so this looks again.
    """
    erasure = Erasure.objects.get(pk=erasure_id)
    if erasure.status != Status.REQUESTED:
        return True
    cancel_subscriptions(erasure=erasure, at=at)
    return _begin_or_wait(erasure_id=erasure_id, at=at)


@transaction.atomic(durable=True)
def _begin_or_wait(*, erasure_id: UUID, at: dt.datetime) -> bool:
    erasure = locked_erasure(erasure_id=erasure_id)
    if erasure.status != Status.REQUESTED:
        return True
    erasure.waits_for = parts.open_money(customer_id=erasure.customer_id)
    if erasure.waits_for:
        erasure.save(update_fields=["waits_for"])
        event = ErasureWaits(erasure_id=erasure.pk, customer_id=erasure.customer_id)
        publish(event, not_before=at + _wait(erasure, at))
        return False
    erasure.status, erasure.begun_at = Status.ERASING, at
    erasure.save(update_fields=["status", "begun_at", "waits_for"])
    publish(ErasureBegun(erasure_id=erasure.pk, customer_id=erasure.customer_id))
    return True


def _wait(erasure: Erasure, at: dt.datetime) -> dt.timedelta:
    waited = at - erasure.requested_at
    return next((wait for wait in WAITS if waited < wait), LONG_WAIT)


def run_step(
    *, erasure_id: UUID, name: str, work: Callable[[Erasure, ErasureStep], str], at: dt.datetime
) -> bool:
    """Do the step by ``work``, which returns what it did in a few words without personal data. It may run again.

    Returns False if the step was done before or waits (``StepWaits``). If ``work`` raises anything else, the step keeps
    the name of the error's class.
    """
    step = ErasureStep.objects.select_related("erasure").filter(erasure=erasure_id, name=name).first()
    # An erasure of an older release has no step that a newer one added.
    if step is None or step.done_at is not None or step.erasure.status != Status.ERASING:
        return False
    ErasureStep.objects.filter(pk=step.pk).update(attempts=F("attempts") + 1)
    try:
        detail = work(step.erasure, step)
    except StepWaits as wait:
        _note(step, str(wait))
        return False
    except Exception as error:
        _note(step, type(error).__name__)
        raise
    _finish(step, detail=detail, at=at)
    return True


def _note(step: ErasureStep, reason: str) -> None:
    ErasureStep.objects.filter(pk=step.pk, done_at=None).update(last_error=reason[:100])


@transaction.atomic(durable=True)
def _finish(step: ErasureStep, *, detail: str, at: dt.datetime) -> None:
    """Record that the step is done. The last step also ends the erasure."""
    # Locked, so that of two last steps one sees the other.
    erasure = locked_erasure(erasure_id=step.erasure_id)
    ErasureStep.objects.filter(pk=step.pk, done_at=None).update(done_at=at, detail=detail[:200], last_error="")
    if erasure.status == Status.ERASING and not erasure.steps.filter(done_at=None).exists():
        erasure.status, erasure.done_at = Status.DONE, at
        erasure.email, erasure.earlier_emails, erasure.phones = "", [], []
        erasure.certificate = certificate(erasure=erasure, at=at)
        erasure.save()
        # The id is what a replay after a restore needs, so it is also in the log.
        logger.info("The data of customer %s was erased.", erasure.customer_id)
