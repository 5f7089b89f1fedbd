"""The signed link to the payment page."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from charges import payment_links
from orders import status_tokens
from tests.support.days import NOW

ORDER_ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_a_link_contains_its_order(settings: Any) -> None:
    settings.PUBLIC_URL = "https://shop.example.com"
    url = payment_links.payment_link(order_id=ORDER_ID, at=NOW)
    assert url == f"https://shop.example.com/pay/{payment_links.token(order_id=ORDER_ID, at=NOW)}/"
    token = payment_links.token(order_id=ORDER_ID, at=NOW)
    assert payment_links.read(token, at=NOW) == payment_links.Link(order_id=ORDER_ID, expired=False)


@pytest.mark.parametrize(("seconds", "expired"), [(-1, False), (0, True), (1, True)])
def test_a_link_expires_after_some_days(settings: Any, seconds: int, expired: bool) -> None:
    settings.PAYMENT_LINK_DAYS = 7
    token = payment_links.token(order_id=ORDER_ID, at=NOW)
    later = NOW + dt.timedelta(days=7, seconds=seconds)
    assert payment_links.read(token, at=later).expired is expired


@pytest.mark.parametrize(
    "token",
    [
        "",
        "nonsense",
        f"{ORDER_ID}:1900000000",
        f"{ORDER_ID}:1900000000:forged",
        payment_links.token(order_id=ORDER_ID, at=NOW).replace("01890a5d", "01890a5e"),
        status_tokens.token_of(order_id=ORDER_ID),
    ],
)
def test_a_token_without_a_valid_signature_is_bad(token: str) -> None:
    with pytest.raises(payment_links.BadLink):
        payment_links.read(token, at=NOW)
