from __future__ import annotations

from uuid import uuid4

import pytest
from django.core import signing

from orders import status_tokens
from orders.models import Order
from tests.support.factories import make_order


def test_a_token_leads_to_its_order(db: None) -> None:
    order = make_order()
    token = status_tokens.token_of(order_id=order.pk)
    assert token == status_tokens.token_of(order_id=order.pk), "the same each time"
    assert (status_tokens.read(token), status_tokens.order_of(token=token)) == (order.pk, order)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "no-signature",
        str(uuid4()),
        signing.Signer(salt="charges.payment").sign(str(uuid4())),
        signing.Signer(salt=status_tokens.SALT).sign("not a uuid"),
    ],
    ids=["empty", "text", "an id alone", "the signature of another purpose", "no id"],
)
def test_any_other_text_is_rejected(token: str) -> None:
    with pytest.raises(status_tokens.BadToken):
        status_tokens.read(token)


def test_a_changed_id_is_rejected() -> None:
    token = status_tokens.token_of(order_id=uuid4())
    changed = ("1" if token[0] == "0" else "0") + token[1:]
    with pytest.raises(status_tokens.BadToken):
        status_tokens.read(changed)


def test_a_token_whose_order_is_gone_is_rejected(db: None) -> None:
    order = make_order()
    token = status_tokens.token_of(order_id=order.pk)
    order.lines.all().delete()
    Order.objects.all().delete()
    with pytest.raises(status_tokens.BadToken):
        status_tokens.order_of(token=token)
