"""The signed token of an erasure's URL. Its owner, who has no login any more, reads the state and the certificate."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core import signing

SALT = "subscriptions.erasure"


class BadToken(Exception):
    """The token's signature is invalid."""


def token_of(*, erasure_id: UUID) -> str:
    """The erasure's token, the same each time."""
    return signing.Signer(salt=SALT).sign(str(erasure_id))


def erasure_link(*, erasure_id: UUID) -> str:
    """The absolute URL at which the erasure can be followed, without a login."""
    return f"{settings.PUBLIC_URL}/erasure/{token_of(erasure_id=erasure_id)}/"


def read(token: str) -> UUID:
    """The id of the token's erasure. Raises ``BadToken``."""
    try:
        return UUID(signing.Signer(salt=SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        raise BadToken("The signature of this token is invalid.") from None
