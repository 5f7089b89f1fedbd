"""Health checks for load balancers: is the process alive, is it ready, does the relay keep up?"""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from integrations.outbox import relay

LAGGING_SECONDS = 60.0


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """503 if the database does not answer. A lagging relay is reported, but customers can still buy."""
    try:
        lag = relay.lag_seconds()
    except (DatabaseError, InterfaceError):
        return JsonResponse({"status": "unavailable", "database": "unavailable"}, status=503)
    status = "lagging" if lag > LAGGING_SECONDS else "ok"
    return JsonResponse({"status": status, "database": "ok", "relay_lag_seconds": round(lag, 3)})
