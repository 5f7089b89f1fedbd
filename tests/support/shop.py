"""The shop from outside: a front end that places checkouts over HTTP, and the worker of the ChargesQueue."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.test import Client

from integrations.errors import PermanentError, TransientError
from integrations.outbox.models import OutboxMessage


class Shop:
    def __init__(self) -> None:
        self.http = Client()
        self.errors: list[str] = []

    def buy(self, payment_method: str, *, key: str = "k1") -> str:
        """Place a checkout. Returns the URL of the order's status."""
        body = {
            "plan": "magazine-monthly",
            "payment_method": payment_method,
            "customer": {"email": "reader@example.com", "name": "Reader"},
        }
        response = self.http.post(
            "/api/v1/checkout/", body, content_type="application/json", headers={"Idempotency-Key": key}
        )
        assert response.status_code == 201, response.content
        return str(response.json()["order"]["status_url"])

    def status(self, status_url: str) -> str:
        return str(self.http.get(urlsplit(status_url).path).json()["status"])

    def work(self, *, times: int = 1) -> None:
        """Deliver every message of the ChargesQueue ``times`` times, oldest first, each with up to four attempts."""
        for row in OutboxMessage.objects.filter(queue="ChargesQueue", sent_at=None).order_by("pk"):
            for _ in range(times):
                self._deliver(row)
            row.delete()

    def _deliver(self, row: OutboxMessage) -> None:
        for _ in range(4):
            try:
                current_app.tasks[row.task](**row.kwargs)
            except TransientError as error:
                self.errors.append(type(error).__name__)
            except PermanentError as error:
                self.errors.append(type(error).__name__)
                return
            else:
                return
        pytest.fail(f"{row.task} would be dead-lettered: {self.errors}")
