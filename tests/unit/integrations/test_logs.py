from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import logs


def line(message: str, *arguments: Any, exc_info: Any = None, **extra: Any) -> dict[str, Any]:
    """What would be written for this record."""
    record = logging.LogRecord("shop", logging.INFO, "file", 1, message, arguments, exc_info)
    record.__dict__.update(extra)
    logs.ContextFilter().filter(record)
    return json.loads(logs.JsonFormatter().format(record))


@pytest.fixture(autouse=True)
def no_context() -> Any:
    logs.clear()
    yield
    logs.clear()


def test_a_line_is_json_with_the_ids_that_tie_it_to_its_request() -> None:
    logs.bind(request_id="r-1", order_number="7K3M9-Q2XAB")
    said = line("placed")
    assert said["message"] == "placed"
    assert (said["request_id"], said["order_number"], said["level"]) == ("r-1", "7K3M9-Q2XAB", "INFO")


def test_a_task_carries_the_ids_of_the_request_and_the_event_that_it_comes_from() -> None:
    logs.bind(request_id="of another task")
    logs.bind_task(
        task_id="t-1",
        task_name="charges.capture_payment",
        headers={"request_id": "r-1", "event": "OrderPlaced"},
        kwargs={"order_id": "o-1", "order_number": "7K3M9-Q2XAB", "note": "not an id"},
    )
    said = line("working")
    told = {"task_id": "t-1", "request_id": "r-1", "event": "OrderPlaced", "order_number": "7K3M9-Q2XAB"}
    assert {**told, "order_id": "o-1"}.items() <= said.items()
    assert "note" not in said


SECRETS = [
    "sk_live_abcdefghijklmnop",
    "rk_test_abcdefghijklmnop",
    "whsec_abcdefghijklmnop",
    "xkeysib-0123456789abcdef",
    "pi_3Abc_secret_XyZ123",
    "ada.lovelace+shop@example.co.uk",
    "+4915112345678",
    "+49 151 1234 5678",
    "postgresql://shop:hunter2@db.internal/shop",
    "Authorization: Bearer abc.def.ghi",
    "https://shop.example/api/v1/orders/status/0199:abcdefg/",
    "https://shop.example/pay/0199:1790000000:abcdefg/",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_and_personal_data_are_taken_out(secret: str) -> None:
    def fail() -> None:
        raise ValueError(f"it said {secret} there")

    try:
        fail()
    except ValueError as error:
        written = json.dumps(line("failed with %s", secret, exc_info=(type(error), error, error.__traceback__)))
    for part in (secret, "hunter2", "abc.def.ghi", "ada.lovelace", "15112345678", "0199:abcdefg"):
        assert part not in written


def test_ids_and_times_are_left_as_they_are() -> None:
    text = "order 0199c0de-3606-7c06-8bf6-4149a5015515 at 2026-11-23T20:36:54+00:00 took 12.5 ms, pi_3AbcDef"
    assert logs.redacted(text) == text


@given(st.text())
def test_a_line_stays_json_whatever_it_says(text: str) -> None:
    assert isinstance(line("%s", text), dict)
    assert isinstance(line(f'{{"token": "{text}"}}'.replace("%", "%%")), dict)
