"""The certificate of an erasure: what was erased where and when, what stays, why, and until when. Nothing personal."""

from __future__ import annotations

import datetime as dt
from typing import Any

from subscriptions.models import Erasure, ErasureStep
from subscriptions.operations.erasures import parts


def certificate(*, erasure: Erasure, at: dt.datetime) -> dict[str, Any]:
    """The certificate as JSON. ``until`` is null if no end is known."""
    known = parts.steps()
    return {
        "erasure": str(erasure.pk),
        "customer": str(erasure.customer_id),
        "requested_at": erasure.requested_at.isoformat(),
        "requested_by": erasure.requested_by_kind,
        "copy": erasure.export,
        "completed_at": at.isoformat(),
        "erased": [_erased(step, known.get(step.name)) for step in erasure.steps.order_by("pk")],
        "kept": [
            {
                "system": entry.system,
                "what": entry.what,
                "why": entry.why,
                "until": entry.until.isoformat() if entry.until else None,
            }
            for entry in parts.kept(customer_id=erasure.customer_id, at=at)
        ],
    }


def _erased(step: ErasureStep, known: parts.Step | None) -> dict[str, Any]:
    return {
        "system": known.system if known else "",
        "what": known.erases if known else step.name,
        "detail": step.detail,
        "at": step.done_at.isoformat() if step.done_at else None,
    }
