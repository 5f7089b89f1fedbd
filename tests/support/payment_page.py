"""Requests to the payment page in tests."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.test import Client
from django.utils import timezone

from charges import payment_links
from tests.support.deliveries import capture
from tests.support.factories import SCA, place_order


def page_path(order: Any, *, age_days: int = 0) -> str:
    """The path of the order's payment page, with a link that was created ``age_days`` ago."""
    return f"/pay/{payment_links.token(order_id=order.pk, at=timezone.now() - dt.timedelta(days=age_days))}/"


def order_requiring_action(locale: str = "en") -> Any:
    """An order whose customer must confirm the payment with the bank."""
    order = place_order(payment_method=SCA)
    order.contact_locale = locale
    order.save()
    capture(order)
    return order


def post_with_csrf_token(client: Client, url: str, path: str) -> Any:
    """Post as the page's script does, with the token from the page."""
    text = client.get(url).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', text)
    assert token
    return client.post(f"{url}{path}/", "{}", content_type="application/json", headers={"X-CSRFToken": token[1]})
