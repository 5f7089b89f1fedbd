"""Moves the clock of the running development shop forward, step by step, while its workers do what becomes due."""

from __future__ import annotations

import datetime as dt
import json
import time
import urllib.request
from collections import Counter
from collections.abc import Callable

from celery.schedules import crontab
from django.conf import settings
from django.db import connection
from django.utils import timezone

from charges.models import ChargeAttempt
from config.development.clock import Clock
from config.schedule import JOBS
from integrations.outbox.models import OutboxMessage
from integrations.outbox.scheduler import publish_tick
from integrations.sqs import queues
from notifications.models import Notification
from orders.models import Order
from subscriptions.models import Subscription

MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
# Work that becomes due soon after other work is done in the same step, so that many renewals take few steps.
MIN_STEP = dt.timedelta(hours=1)
POLL_SECONDS = 0.15
# A message that failed comes back after a minute of the real time or more. Do not wait for it.
MAX_WAIT_SECONDS = 30.0
DUE = """
    SELECT least((SELECT min(not_before) FROM outbox_outboxmessage WHERE sent_at IS NULL),
                 (SELECT min(renews_at) FROM subscriptions_subscription),
                 (SELECT min(lift_at) FROM subscriptions_hold WHERE lifted_at IS NULL))
"""

Report = Callable[[str], None]


def fast_forward(*, clock: Clock, days: int, report: Report) -> None:
    """Move the clock by this many days, and report each step in which something happened."""
    end = clock() + days * DAY
    _settle(report)
    while (now := clock()) < end:
        _step(clock, until=min(_next_step(now), end), report=report)
    report(f"It is {clock():%Y-%m-%d %H:%M} UTC in the shop.")


def _next_step(now: dt.datetime) -> dt.datetime:
    """When the next work is due, at least ``MIN_STEP`` and at most a day from now."""
    with connection.cursor() as cursor:
        cursor.execute(DUE)
        due_at: dt.datetime | None = cursor.fetchone()[0]
    return min(max(due_at or now + DAY, now + MIN_STEP), now + DAY)


def _step(clock: Clock, *, until: dt.datetime, report: Report) -> None:
    before, since = _counts(), clock()
    _move_sandbox(until - since)
    clock.advance(until - since)
    for name, job in JOBS.items():
        if _has_slot(job["schedule"], since=since, until=until):
            publish_tick(job=name, task=job["task"], at=timezone.now())
    _settle(report)
    happened = _counts() - before
    if happened:
        what = ", ".join(f"{name}: {count}" for name, count in happened.items())
        report(f"{clock():%Y-%m-%d %H:%M}  {what}")


def _has_slot(schedule: crontab, *, since: dt.datetime, until: dt.datetime) -> bool:
    """Whether the schedule has a time after ``since``, until ``until``."""
    minute = since.replace(second=0, microsecond=0) + MINUTE
    while minute <= until:
        if minute.minute in schedule.minute and minute.hour in schedule.hour:
            return True
        minute += MINUTE
    return False


def _move_sandbox(by: dt.timedelta) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{settings.ENV.sandbox_port}/sandbox/clock",
        data=json.dumps({"advance_seconds": by.total_seconds()}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5):
        pass


def _settle(report: Report) -> None:
    """Wait until the workers have done all that is due."""
    began, idle = time.monotonic(), 0
    while idle < 2:  # a worker may be about to publish the next message
        if time.monotonic() - began > MAX_WAIT_SECONDS:
            report("Some messages are not done yet: they failed and wait for their next delivery.")
            return
        time.sleep(POLL_SECONDS)
        idle = idle + 1 if _is_idle() else 0


def _is_idle() -> bool:
    if OutboxMessage.objects.filter(sent_at=None, not_before__lte=timezone.now()).exists():
        return False
    if any(depth.visible or depth.in_flight or depth.delayed for depth in queues.depths()):
        return False
    address = f"http://127.0.0.1:{settings.ENV.sandbox_port}/sandbox/health"
    with urllib.request.urlopen(address, timeout=5) as response:
        return bool(json.load(response)["webhooks_idle"])


def _counts() -> Counter[str]:
    """How much there is of what a person watches. Their differences describe a step."""
    renewals = Order.objects.filter(kind=Order.Kind.RENEWAL)
    attempts = ChargeAttempt.objects
    ended = Subscription.objects.filter(status=Subscription.Status.CANCELED)
    return Counter(
        {
            "renewals": renewals.count(),
            "payments succeeded": attempts.filter(status=ChargeAttempt.Status.SUCCEEDED).count(),
            "payments declined": attempts.filter(status=ChargeAttempt.Status.DECLINED).count(),
            "messages to customers": Notification.objects.filter(sent_at__isnull=False).count(),
            "subscriptions ended": ended.count(),
        }
    )
