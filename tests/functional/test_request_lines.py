"""Each request writes one log line, with the number of the order and without data of the customer."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from charges import payment_links
from integrations import logs
from orders.models import Order
from subscriptions.models import Plan

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Return the log lines since the last call, with the levels and the format of the settings."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.ContextFilter())
    handler.setFormatter(logs.JsonFormatter())

    def read() -> list[dict[str, Any]]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return [json.loads(line) for line in text.splitlines()]

    logging.getLogger().addHandler(handler)
    yield read
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def check_out(client: Client) -> dict[str, Any]:
    order = {
        "plan": "coffee-monthly",
        "quantity": 1,
        "payment_method": "pm_card_visa",
        "customer": {"email": "ada@example.com", "name": "Ada Lovelace"},
    }
    headers = {"Idempotency-Key": str(uuid4()), "X-Request-ID": "front-end-42"}
    response = client.post("/api/v1/checkout/", order, content_type="application/json", headers=headers)
    assert response.status_code == 201
    return response.json()


def test_a_checkout_writes_one_line_with_the_order_number(
    transactional_db: None, coffee: Plan, client: Client, lines: Lines
) -> None:
    placed = check_out(client)

    [line] = lines()
    expected = {
        "method": "POST",
        "route": "api/v1/checkout/",
        "status": 201,
        "level": "INFO",
        "request_id": "front-end-42",
    }
    assert {**expected, "order_number": placed["order"]["number"]}.items() <= line.items()
    assert 0 < line["ms"] < 60_000
    assert not {"ada", "lovelace"} & set(json.dumps(line).lower().replace("@", " ").split())


def test_a_line_contains_nothing_of_the_request_before(
    transactional_db: None, coffee: Plan, client: Client, lines: Lines
) -> None:
    check_out(client)
    client.get("/api/v1/plans/")

    line = lines()[-1]
    assert line["route"] == "api/v1/plans/"
    assert line["request_id"] != "front-end-42"
    assert "order_number" not in line


def test_tokens_are_redacted(transactional_db: None, coffee: Plan, client: Client, lines: Lines) -> None:
    status_path = urlsplit(check_out(client)["order"]["status_url"]).path
    order = Order.objects.get()
    token = payment_links.token(order_id=order.pk, at=timezone.now())
    lines()
    paths = [status_path, f"/pay/{token}/", f"/pay/{token}/status/", f"/pay/{token}x/", f"/pay/{token}", f"/{token}"]
    for path in paths:
        client.get(path)
    client.post(f"/pay/{token}/link/")

    written = lines()
    assert len([line for line in written if "route" in line]) == len(paths) + 1
    text = json.dumps(written)
    for secret in {token, *token.split(":")[1:], status_path.rstrip("/").split("/")[-1].split(":")[-1]}:
        assert secret not in text
    assert written[1]["route"] == "pay/<str:token>/"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/charges/payment.css"])
def test_health_checks_and_static_files_write_no_line(
    transactional_db: None, client: Client, lines: Lines, path: str
) -> None:
    response = client.get(path)
    response.close()
    assert response.status_code == 200
    assert lines() == []


@pytest.mark.parametrize(("path", "status"), [("/nowhere/7K3M9/", 404), ("/api/v1/plans", 404), ("/admin", 301)])
def test_a_path_without_a_route_is_not_written(client: Client, lines: Lines, path: str, status: int) -> None:
    client.get(path)

    [line] = [line for line in lines() if "route" in line]
    assert (line["route"], line["status"]) == ("(no route)", status)
    assert "7K3M9" not in json.dumps(line)


def test_a_failed_request_also_writes_a_line(
    db: None, client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("orders.api.views.PlansView.get", fail)
    client.get("/api/v1/plans/")

    [line] = [line for line in lines() if "route" in line]
    assert (line["route"], line["status"]) == ("api/v1/plans/", 500)
