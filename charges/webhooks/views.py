"""The webhook of Stripe: verify the event and store it once. A worker processes it.

Stripe sends an event again, for up to three days, until the response is 2xx.
"""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, DataError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from charges.operations.stripe_events import recording
from integrations.stripe import webhooks
from integrations.stripe.webhooks import BadWebhook, StripeEvent

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200: stored, now or before. 400: not from Stripe, or not readable. 413: over 1 MiB. 503: Stripe must retry."""
    try:
        body = request.body
    except RequestDataTooBig:
        return _error(413, "The body is larger than 1 MiB.")
    except UnreadablePostError:
        return _error(400, "The body could not be read.")
    if len(body) > MAX_BODY_BYTES:
        return _error(413, "The body is larger than 1 MiB.")
    try:
        event = webhooks.verified_event(
            body=body,
            signature=request.headers.get("Stripe-Signature", ""),
            secrets=settings.STRIPE_WEBHOOK_SECRETS,
            now=time.time(),
        )
    except BadWebhook as error:
        logger.warning("A request to the Stripe webhook was rejected: %s", error)
        return _error(400, str(error))
    return _store(event)


def _store(event: StripeEvent) -> HttpResponse:
    try:
        recording.record(events=[event])
    except DataError:
        return _error(400, "The event cannot be stored.")
    except (DatabaseError, InterfaceError):  # unavailable, read-only after a failover, or not yet migrated
        logger.exception("Stripe's event %s could not be stored. Stripe will send it again.", event.id)
        response = _error(503, "The event cannot be stored now. Send it again.")
        response.headers["Retry-After"] = "30"
        return response
    return JsonResponse({})


def _error(status: int, detail: str) -> HttpResponse:
    return JsonResponse({"detail": detail}, status=status)
