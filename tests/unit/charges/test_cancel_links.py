"""A cancel link names one subscription, and nothing else can be made of it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core import signing

from charges import cancel_links, payment_links
from tests.support.days import NOW


def test_a_link_is_read_again_and_is_the_same_each_time() -> None:
    id = uuid4()
    link = cancel_links.cancel_link(subscription_id=id)
    assert link == cancel_links.cancel_link(subscription_id=id)
    assert link.startswith("http") and link.endswith("/")
    assert cancel_links.read(link.split("/cancel/")[1].strip("/")) == id


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        str(uuid4()),
        signing.Signer(salt="other").sign(str(uuid4())),
        signing.Signer(salt=cancel_links.SALT).sign("not an id"),
        payment_links.token(order_id=uuid4(), at=NOW),
    ],
)
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(cancel_links.BadLink):
        cancel_links.read(token)
