"""The signed address of an order's payment page, as mails carry it. Who has it can pay the order, nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing

SALT = "charges.payment_page"


class BadLink(Exception):
    """Not a link of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link says: the order, and whether it may still be used."""

    order_id: UUID
    expired: bool


def payment_link(*, order_id: UUID, at: dt.datetime) -> str:
    """The absolute address of the order's payment page, good for ``PAYMENT_LINK_DAYS``."""
    return f"{settings.PUBLIC_URL}/pay/{token(order_id=order_id, at=at)}/"


def token(*, order_id: UUID, at: dt.datetime) -> str:
    """The signed part of the link."""
    expires_at = at + dt.timedelta(days=settings.PAYMENT_LINK_DAYS)
    return signing.Signer(salt=SALT).sign(f"{order_id}:{int(expires_at.timestamp())}")


def read(token: str, *, at: dt.datetime) -> Link:
    """What the token says. Raises ``BadLink``."""
    try:
        order_id, _, expires_at = signing.Signer(salt=SALT).unsign(token).partition(":")
        return Link(order_id=UUID(order_id), expired=at.timestamp() >= int(expires_at))
    except (signing.BadSignature, ValueError):
        raise BadLink("This is no payment link of ours.") from None
