"""``POST /webhooks/brevo/``: authenticate the caller, store the events, answer.

Brevo sends an event again only if it cannot connect or reads 429. After any other error the event is lost. So each
failure on our side is answered with 429.
"""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from integrations.brevo import webhooks
from notifications.operations import brevo_events

logger = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
RETRY_AFTER_SECONDS = "60"


class TooLarge(Exception):
    """The body is larger than ``MAX_BODY_BYTES``."""


@csrf_exempt
@require_POST
def brevo_webhook(request: HttpRequest) -> HttpResponse:
    """Answers 200 stored, 400 not JSON, 401 wrong token, 413 too large, 429 try again later."""
    header = request.headers.get("Authorization", "")
    if not webhooks.is_authorized(header=header, token=settings.BREVO_WEBHOOK_TOKEN):
        return _problem(401, "unauthorized", headers={"WWW-Authenticate": "Bearer"})
    try:
        events = webhooks.events_in(_body(request))
    except TooLarge:
        return _problem(413, "too_large")
    except (webhooks.MalformedBody, UnreadablePostError, RawPostDataException):
        return _problem(400, "malformed")
    try:
        stored = brevo_events.record(events=events)
    except Exception:  # after any error the event must be sent again
        logger.exception("Brevo's webhook could not be stored; Brevo is asked to send it again")
        return _problem(429, "storage_unavailable", headers={"Retry-After": RETRY_AFTER_SECONDS})
    return JsonResponse({"received": len(events), "new": stored})


def _body(request: HttpRequest) -> bytes:
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge
    return body


def _problem(status: int, code: str, *, headers: dict[str, str] | None = None) -> HttpResponse:
    return JsonResponse({"error": code}, status=status, headers=headers)
