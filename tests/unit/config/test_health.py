"""The health checks of a load balancer."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.db import OperationalError
from django.test import RequestFactory
from django.utils import timezone

from config import health
from integrations.outbox import relay
from integrations.outbox.models import OutboxMessage


def ready(rf: RequestFactory) -> tuple[int, Any]:
    response = health.readyz(rf.get("/readyz"))
    return response.status_code, json.loads(response.content)


def test_a_live_process_answers_without_the_database(rf: RequestFactory) -> None:
    assert json.loads(health.healthz(rf.get("/healthz")).content) == {"status": "ok"}


@pytest.mark.parametrize(("seconds", "status"), [(None, "ok"), (1, "ok"), (120, "lagging")])
def test_a_lagging_relay_is_reported_and_the_process_stays_ready(
    db: None, rf: RequestFactory, seconds: int | None, status: str
) -> None:
    if seconds is not None:
        OutboxMessage.objects.create(
            queue="OrdersQueue",
            task="orders.start_fulfillment",
            kwargs={},
            not_before=timezone.now() - dt.timedelta(seconds=seconds),
        )
    code, body = ready(rf)
    assert (code, body["status"], body["database"]) == (200, status, "ok")
    assert abs(body["relay_lag_seconds"] - (seconds or 0)) < 5


def test_without_a_database_the_process_is_not_ready(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> float:
        raise OperationalError("connection refused by 10.0.0.1")

    monkeypatch.setattr(relay, "lag_seconds", down)
    assert ready(rf) == (503, {"status": "unavailable", "database": "unavailable"})


@pytest.mark.parametrize("view", [health.healthz, health.readyz])
def test_only_reading_is_allowed(rf: RequestFactory, view: Any) -> None:
    assert view(rf.post("/")).status_code == 405
