"""Find erasures that are stuck, of any age: the law gives a month. ``integrations.outbox.recovery`` publishes again."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, Q

from integrations.outbox.events import Event
from integrations.outbox.queries import live_messages
from integrations.outbox.recovery import Finder, Window
from subscriptions.events import ErasureBegun, ErasureWaits
from subscriptions.models import Erasure, ErasureStep
from subscriptions.operations.erasures import parts

BEGIN = "accounts.begin_erasure"  # the task that cancels, waits and begins


def erasures_not_begun(window: Window) -> Sequence[Event]:
    """Requested erasures whose next look at the open money is not on its way."""
    waiting = Erasure.objects.filter(
        ~Exists(live_messages(task=BEGIN, about="pk", sent_since=window.stuck)),
        status=Erasure.Status.REQUESTED,
        requested_at__lte=window.stuck,
    ).order_by("requested_at")
    return [
        ErasureWaits(erasure_id=erasure.pk, customer_id=erasure.customer_id) for erasure in waiting[: window.batch]
    ]


def erasure_steps_not_done(window: Window) -> Sequence[Event]:
    """Erasures with an open step for which no message is on its way. Steps that are done ignore the event."""
    stuck = Q(pk__in=[])
    for step in parts.steps().values():
        live = live_messages(task=step.task, about="erasure", sent_since=window.stuck)
        stuck |= Q(~Exists(live), name=step.name)
    steps = ErasureStep.objects.filter(
        stuck, done_at=None, erasure__status=Erasure.Status.ERASING, erasure__begun_at__lte=window.stuck
    )
    erasures = Erasure.objects.filter(pk__in=steps.values("erasure")).order_by("requested_at")
    return [
        ErasureBegun(erasure_id=erasure.pk, customer_id=erasure.customer_id) for erasure in erasures[: window.batch]
    ]


FINDERS: dict[str, Finder] = {
    "erasures not begun": erasures_not_begun,
    "erasure steps not done": erasure_steps_not_done,
}
