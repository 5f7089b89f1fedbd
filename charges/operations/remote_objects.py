"""Create exactly one object at Stripe for one of our rows, even if workers die or run twice.

The row names the idempotency key. The key and the time of the request are committed before the request, so a second
run sends the same key and Stripe repeats its first response. In two cases the key must change, and before each change
we look for the object at Stripe:

- Stripe may have stored an error under the key (a replayed 500, a rejected request). The same key would return the
  same error for ever.
- Stripe forgets a key after 24 hours, and would then create a second object.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from charges.models import RemoteObject
from integrations.errors import ProviderRejected
from integrations.stripe.errors import IdempotencyKeyExhausted

logger = logging.getLogger(__name__)

# Stripe keeps a response for at least 24 hours (docs.stripe.com/api/idempotent_requests). One hour is left for clocks
# that differ.
KEY_LIFE = dt.timedelta(hours=23)


class HasId(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=HasId)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result(Generic[T]):
    """The id that is saved in the row, and what Stripe returned on the way.

    ``object``: the object with this id, or None if Stripe was not asked for it.
    ``duplicate``: an object that this call created although another worker had saved the id of a different one.
    """

    id: str
    object: T | None = None
    duplicate: T | None = None


def get_or_create(
    row: RemoteObject, *, find: Callable[[], T | None], create: Callable[[str], T], at: dt.datetime
) -> Result[T]:
    """Return the row's object at Stripe, created by ``create(idempotency_key)`` if it does not exist.

    ``find()`` looks the object up at Stripe. It is called only if an earlier request may have created the object.
    Raises what the two functions raise.
    """
    if row.remote_id is not None:
        return Result(id=row.remote_id)
    if row.creation_requested_at is None:
        _save_request_time(row, at=at)
    else:
        if found := find():
            return _saved(row, found, created=False)
        if at - row.creation_requested_at > KEY_LIFE:
            _take_next_key(row, at=at)
    made, created = _find_or_create(row, find=find, create=create, at=at)
    return _saved(row, made, created=created)


def _find_or_create(
    row: RemoteObject, *, find: Callable[[], T | None], create: Callable[[str], T], at: dt.datetime
) -> tuple[T, bool]:
    try:
        return create(row.idempotency_key), True
    except IdempotencyKeyExhausted:
        # The first request under this key has ended. If it created an object, find() sees it now.
        logger.warning("The key %s is exhausted.", row.idempotency_key)
        if found := find():
            return found, False
        _take_next_key(row, at=at)
        return create(row.idempotency_key), True
    except ProviderRejected:
        # Stripe may have stored this error. After the cause is fixed, a retry needs another key.
        _take_next_key(row, at=at)
        raise


def _saved(row: RemoteObject, remote: T, *, created: bool) -> Result[T]:
    saved_id = save_id(row, remote.id)
    if remote.id == saved_id:
        return Result(id=saved_id, object=remote)
    return Result(id=saved_id, duplicate=remote if created else None)


def save_id(row: RemoteObject, remote_id: str) -> str:
    """Commit the object's id and return the saved one, which differs if another worker saved one before."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.filter(**{row.ID_FIELD: None}).update(**{row.ID_FIELD: remote_id})
    row.refresh_from_db(fields=[row.ID_FIELD])
    assert row.remote_id is not None
    return row.remote_id


def _save_request_time(row: RemoteObject, *, at: dt.datetime) -> None:
    rows = type(row)._default_manager.filter(pk=row.pk, creation_requested_at=None)
    rows.update(creation_requested_at=at)
    row.refresh_from_db(fields=["creation_requested_at"])


def _take_next_key(row: RemoteObject, *, at: dt.datetime) -> None:
    rows = type(row)._default_manager.filter(pk=row.pk, key_version=row.key_version)
    rows.update(key_version=row.key_version + 1, creation_requested_at=at)
    row.refresh_from_db(fields=["key_version", "creation_requested_at"])
