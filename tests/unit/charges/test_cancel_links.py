"""A cancel link names one subscription, and nothing else can be made of it."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.core import signing

from charges import cancel_links, payment_links
from tests.support.days import NOW

ID = UUID("5f0c8e0e-3c0b-4f7a-9d59-1a2b3c4d5e6f")


def test_a_link_is_read_again_and_is_the_same_each_time() -> None:
    link = cancel_links.cancel_link(subscription_id=ID)
    assert link == cancel_links.cancel_link(subscription_id=ID)
    assert link.startswith("http") and link.endswith("/")
    assert cancel_links.read(link.split("/cancel/")[1].strip("/")) == ID


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        str(ID),
        signing.Signer(salt="other").sign(str(ID)),
        signing.Signer(salt=cancel_links.SALT).sign("not an id"),
        payment_links.token(order_id=ID, at=NOW),
    ],
)
def test_other_tokens_are_refused(token: str) -> None:
    with pytest.raises(cancel_links.BadLink):
        cancel_links.read(token)
