from __future__ import annotations

from uuid import uuid4

import pytest
from rest_framework.exceptions import NotFound

from orders import status_tokens
from orders.api.lookups import order_for_token
from tests.support.factories import make_order

pytestmark = pytest.mark.django_db


def test_the_order_of_a_token() -> None:
    order = make_order()
    assert order_for_token(status_tokens.token_of(order_id=order.pk)) == order


@pytest.mark.parametrize("token", ["nonsense", status_tokens.token_of(order_id=uuid4())], ids=["invalid", "unknown"])
def test_an_invalid_or_unknown_token_is_not_found(token: str) -> None:
    with pytest.raises(NotFound, match=r"^There is no such order\.$"):
        order_for_token(token)
