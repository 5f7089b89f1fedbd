"""What operators read about a request: one line, with the order's number and without what is only the customer's."""

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
    """The lines that the web writes at the levels of the settings, in their format, since they were last asked for."""
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
    answer = client.post("/api/v1/checkout/", order, content_type="application/json", headers=headers)
    assert answer.status_code == 201
    return answer.json()


def test_a_checkout_writes_one_line_with_the_orders_number(
    transactional_db: None, coffee: Plan, client: Client, lines: Lines
) -> None:
    placed = check_out(client)

    [line] = lines()
    told = {"method": "POST", "route": "api/v1/checkout/", "status": 201, "level": "INFO", "request_id": "front-end-42"}
    assert {**told, "order_number": placed["order"]["number"]}.items() <= line.items()
    assert 0 < line["ms"] < 60_000
    assert not {"ada", "lovelace"} & set(json.dumps(line).lower().replace("@", " ").split())


def test_the_next_request_has_nothing_of_the_last_ones(
    transactional_db: None, coffee: Plan, client: Client, lines: Lines
) -> None:
    check_out(client)
    client.get("/api/v1/plans/")

    line = lines()[-1]
    assert line["route"] == "api/v1/plans/"
    assert line["request_id"] != "front-end-42"
    assert "order_number" not in line


def test_no_token_is_written(transactional_db: None, coffee: Plan, client: Client, lines: Lines) -> None:
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
def test_health_checks_and_files_write_no_line(transactional_db: None, client: Client, lines: Lines, path: str) -> None:
    answer = client.get(path)
    answer.close()
    assert answer.status_code == 200
    assert lines() == []


@pytest.mark.parametrize(("path", "status"), [("/nowhere/7K3M9/", 404), ("/api/v1/plans", 404), ("/admin", 301)])
def test_a_path_without_a_route_is_not_written(client: Client, lines: Lines, path: str, status: int) -> None:
    client.get(path)

    [line] = [line for line in lines() if "route" in line]
    assert (line["route"], line["status"]) == ("(no route)", status)
    assert "7K3M9" not in json.dumps(line)


def test_a_request_that_fails_writes_its_line(
    db: None, client: Client, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("orders.api.views.PlansView.get", fail)
    client.get("/api/v1/plans/")

    [line] = [line for line in lines() if "route" in line]
    assert (line["route"], line["status"]) == ("api/v1/plans/", 500)
