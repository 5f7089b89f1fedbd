"""What others want to know about payments."""

from __future__ import annotations

import dataclasses
from uuid import UUID

from charges import declines
from charges.declines import Category, DeclineReading
from charges.models import ChargeAttempt
from integrations.stripe.results import Decline

Status = ChargeAttempt.Status


def reading(*, attempt: ChargeAttempt) -> DeclineReading | None:
    """What the attempt's codes mean; None where nobody said no. Nothing of it is stored, so that a better table
    reads old attempts better, too."""
    if attempt.status not in (Status.DECLINED, Status.REFUSED, Status.REQUIRES_ACTION):
        return None
    decline = Decline(
        code=attempt.code,
        decline_code=attempt.decline_code,
        advice_code=attempt.advice_code,
        network_advice_code=attempt.network_advice_code,
        network_decline_code=attempt.network_decline_code,
    )
    if attempt.status == Status.REQUIRES_ACTION and not decline.needs_authentication:
        decline = dataclasses.replace(decline, code="authentication_required", decline_code="")
    return declines.classify(decline, refused=attempt.status == Status.REFUSED)


def last_decline(*, order_id: UUID) -> DeclineReading | None:
    """Why a card did not pay the order the last time; None where none was turned down. A fault of ours and a wish
    for authentication do not count, even if they came later."""
    attempts = ChargeAttempt.objects.filter(
        charge__order=order_id, status__in=(Status.DECLINED, Status.REFUSED)
    ).order_by("-number")
    readings = (reading(attempt=attempt) for attempt in attempts)
    return next((one for one in readings if one and one.category is not Category.OUR_FAULT), None)
