"""Make, check and revoke the API keys of the shop's back end."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils.crypto import constant_time_compare

from subscriptions.models import ApiKey, User

MARK = "shopkey"
SECRET_BYTES = 32
PREFIX_BYTES = 5
USE_IS_NOTED_EVERY = dt.timedelta(minutes=1)


class BadApiKey(Exception):
    """The key is malformed, unknown, expired or revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key that was just made. ``key`` is not stored: show it once."""

    row: ApiKey
    key: str


def make_api_key(
    *, name: str, scopes: Sequence[str], expires_at: dt.datetime, created_by: User | None = None
) -> NewApiKey:
    """Make a key. Its form is ``shopkey_<prefix>_<secret>``."""
    prefix, secret = secrets.token_hex(PREFIX_BYTES), secrets.token_bytes(SECRET_BYTES)
    row = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        key_hash=hashlib.sha256(secret).hexdigest(),
        scopes=list(scopes),
        expires_at=expires_at,
        created_by=created_by,
    )
    return NewApiKey(row=row, key=f"{MARK}_{prefix}_{secret.hex()}")


def is_api_key(text: str) -> bool:
    """Whether the text has the form of our keys."""
    return text.startswith(f"{MARK}_")


def api_key(*, key: str, at: dt.datetime) -> ApiKey:
    """The row of a valid key. Notes its use, at most once a minute. Raises ``BadApiKey``."""
    mark, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    row = ApiKey.objects.filter(prefix=prefix).first() if mark == MARK and len(prefix) == 2 * PREFIX_BYTES else None
    if row is None or not constant_time_compare(row.key_hash, _hash(secret)):
        raise BadApiKey("There is no such API key.")
    if row.revoked_at is not None or at >= row.expires_at:
        raise BadApiKey("This API key was revoked or has expired.")
    _note_use(row, at)
    return row


def revoke_api_key(*, key_id: UUID, at: dt.datetime) -> bool:
    """Make the key useless from now on. Returns False if it was revoked before."""
    return bool(ApiKey.objects.filter(pk=key_id, revoked_at=None).update(revoked_at=at))


def _hash(secret: str) -> str:
    try:
        return hashlib.sha256(bytes.fromhex(secret)).hexdigest()
    except ValueError:
        return ""


def _note_use(row: ApiKey, at: dt.datetime) -> None:
    before = at - USE_IS_NOTED_EVERY
    if row.last_used_at is None or row.last_used_at <= before:
        unnoted = Q(last_used_at=None) | Q(last_used_at__lte=before)
        ApiKey.objects.filter(unnoted, pk=row.pk).update(last_used_at=at)
