"""The signed link to the page on which a customer cancels one subscription, without a login.

Each mail about money contains it. It only allows reading the plan and the price of that subscription, canceling it, and
withdrawing from it. It does not expire, because the law wants the way out to be open at any time (§ 312k BGB), but it
is useless once the subscription has ended.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core import signing

SALT = "charges.cancel_page"


class BadLink(Exception):
    """The token has no valid signature."""


def cancel_link(*, subscription_id: UUID) -> str:
    """The absolute URL of the subscription's cancel page."""
    return f"{settings.PUBLIC_URL}/cancel/{token(subscription_id=subscription_id)}/"


def token(*, subscription_id: UUID) -> str:
    """The signed part of the link, the same each time."""
    return signing.Signer(salt=SALT).sign(str(subscription_id))


def read(token: str) -> UUID:
    """The id of the subscription, which may not exist. Raises ``BadLink``."""
    try:
        return UUID(signing.Signer(salt=SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        raise BadLink("The token of the cancel link is invalid.") from None
