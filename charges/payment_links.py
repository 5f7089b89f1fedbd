"""The signed link to an order's payment page. E-mails contain it. It only allows paying the order."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing

SALT = "charges.payment_page"


class BadLink(Exception):
    """The token has no valid signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The contents of a payment link."""

    order_id: UUID
    expired: bool


def payment_link(*, order_id: UUID, at: dt.datetime) -> str:
    """The absolute URL of the order's payment page, valid for ``PAYMENT_LINK_DAYS`` from ``at``."""
    return f"{settings.PUBLIC_URL}/pay/{token(order_id=order_id, at=at)}/"


def token(*, order_id: UUID, at: dt.datetime) -> str:
    """The signed part of the link."""
    expires_at = at + dt.timedelta(days=settings.PAYMENT_LINK_DAYS)
    return signing.Signer(salt=SALT).sign(f"{order_id}:{int(expires_at.timestamp())}")


def read(token: str, *, at: dt.datetime) -> Link:
    """The contents of the token. ``at``: the current time. Raises ``BadLink``."""
    try:
        order_id, _, expires_at = signing.Signer(salt=SALT).unsign(token).partition(":")
        return Link(order_id=UUID(order_id), expired=at.timestamp() >= int(expires_at))
    except (signing.BadSignature, ValueError):
        raise BadLink("The token of the payment link is invalid.") from None
