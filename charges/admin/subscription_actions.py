"""Actions of staff on the selected subscriptions: pause, resume, cancel, and undo a planned change.

The same table as for customers decides what a subscription allows. Each action leaves a change with the login of the
member of staff.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from charges.operations import cancellation
from orders.operations import pauses
from subscriptions import actors
from subscriptions.admin import register_subscription_action
from subscriptions.models import Subscription
from subscriptions.operations.actions import ActionNotAllowed
from subscriptions.operations.cancellation import cancel_at_period_end, undo

MAX_SELECTED = 50
REASON = "staff"
PERMISSIONS = ["manage"]

Operation = Callable[..., object]


@register_subscription_action
@admin.action(description="Pause now, until it is resumed", permissions=PERMISSIONS)
def pause(page: Any, request: HttpRequest, selected: QuerySet[Subscription]) -> None:
    _for_each(page, request, selected, "paused", partial(pauses.pause_now, resume_at=None))


@register_subscription_action
@admin.action(description="Resume: lift the pause of the customer or of staff", permissions=PERMISSIONS)
def resume(page: Any, request: HttpRequest, selected: QuerySet[Subscription]) -> None:
    _for_each(page, request, selected, "resumed", pauses.resume)


@register_subscription_action
@admin.action(description="Cancel at the end of the period", permissions=PERMISSIONS)
def cancel_at_end(page: Any, request: HttpRequest, selected: QuerySet[Subscription]) -> None:
    _for_each(page, request, selected, "to be canceled", partial(cancel_at_period_end, reason=REASON))


@register_subscription_action
@admin.action(description="Cancel now, without a refund", permissions=PERMISSIONS)
def cancel_now(page: Any, request: HttpRequest, selected: QuerySet[Subscription]) -> None:
    _for_each(page, request, selected, "canceled", partial(cancellation.cancel_now, reason=REASON, is_refunded=False))


@register_subscription_action
@admin.action(description="Undo a planned cancellation or pause", permissions=PERMISSIONS)
def undo_planned(page: Any, request: HttpRequest, selected: QuerySet[Subscription]) -> None:
    _for_each(page, request, selected, "undone", undo)


def _for_each(
    page: Any, request: HttpRequest, selected: QuerySet[Subscription], done: str, operation: Operation
) -> None:
    ids = list(selected.order_by("pk").values_list("pk", flat=True)[: MAX_SELECTED + 1])
    if len(ids) > MAX_SELECTED:
        page.message_user(request, f"Select at most {MAX_SELECTED} subscriptions.", messages.ERROR)
        return
    actor = actors.staff(UUID(str(request.user.pk)))
    for subscription_id in ids:
        try:
            operation(subscription_id=subscription_id, actor=actor, at=timezone.now())
        except (ActionNotAllowed, pauses.UnpaidOrder) as error:
            page.message_user(request, f"{subscription_id}: {error}", messages.ERROR)
        else:
            page.message_user(request, f"{subscription_id}: {done}.", messages.SUCCESS)
