"""The secrets of a login mail: the link's token and the 6-digit code, and the token that confirms a new address.

None of them is stored. Each is computed from the row's id and the secret key when the mail is rendered, and again when
the customer uses it. A retry of the mail therefore sends the same code.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac
from sesame.utils import get_token

from subscriptions.backends import CustomerBackend
from subscriptions.models import User

CODE_DIGITS = 6
CODE_SALT = "subscriptions.login_code"
EMAIL_CHANGE_SALT = "subscriptions.email_change"


class BadToken(Exception):
    """The token is malformed or has no valid signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkToken:
    """The parts of a link's token. Only ``login_of`` says whether the signature is valid."""

    request_id: UUID
    signed: str


def login_link(*, login: User, request_id: UUID) -> str:
    """The absolute URL of the page that logs in. It works for 15 minutes, once, until the login's address changes."""
    signed = get_token(login, scope=_scope(request_id))
    return f"{settings.PUBLIC_URL}/login/{request_id}.{signed}/"


def read_link(token: str) -> LinkToken:
    """Split the token of a link. Raises ``BadToken``."""
    request_id, _, signed = token.partition(".")
    try:
        return LinkToken(request_id=UUID(request_id), signed=signed)
    except ValueError:
        raise BadToken("This is not the token of a login link.") from None


def login_of(link: LinkToken) -> User:
    """The login of the link's signature. Raises ``BadToken`` if it is invalid, expired or used, or a login of staff."""
    login = CustomerBackend().authenticate(None, sesame=link.signed, scope=_scope(link.request_id))
    if not isinstance(login, User):
        raise BadToken("The login link is invalid, has expired or was used.")
    return login


def login_code(*, request_id: UUID) -> str:
    """The code of a login mail: six digits."""
    digest = salted_hmac(CODE_SALT, str(request_id), algorithm="sha256").digest()
    return f"{int.from_bytes(digest) % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def is_login_code(code: str, *, request_id: UUID) -> bool:
    """Whether this is the code of this request's mail."""
    return constant_time_compare(code, login_code(request_id=request_id))


def email_change_link(*, change_id: UUID) -> str:
    """The absolute URL of the page that confirms a new address."""
    return f"{settings.PUBLIC_URL}/login/email/{email_change_token(change_id=change_id)}/"


def email_change_token(*, change_id: UUID) -> str:
    """The signed part of the link that confirms a new address."""
    return signing.Signer(salt=EMAIL_CHANGE_SALT).sign(str(change_id))


def read_email_change(token: str) -> UUID:
    """The id of the change that the token confirms. Raises ``BadToken``."""
    try:
        return UUID(signing.Signer(salt=EMAIL_CHANGE_SALT).unsign(token))
    except (signing.BadSignature, ValueError):
        raise BadToken("The token of the new address is invalid.") from None


def _scope(request_id: UUID) -> str:
    return f"login:{request_id}"
