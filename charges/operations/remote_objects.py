"""Making, once, the one object at Stripe that belongs to a row of ours, whatever happens on the way.

The key under which we ask comes from the row and is committed, with the time, before the call. So a second
run asks under the same key, and Stripe answers as it did the first time. Two things defeat a key, and both
lead to the next one, but only after a look at what is there:

- what is stored under it may be an error for good (a replayed 500, a refusal): asking again can bring nothing
  else;
- Stripe forgets a key after 24 hours, and would then take the request for a new one.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from charges.models import Counterpart
from integrations.errors import ProviderRefused
from integrations.stripe.errors import IdempotencyKeyExhausted

logger = logging.getLogger(__name__)

# Stripe keeps an answer for 24 hours at the least (docs.stripe.com/api/idempotent_requests); an hour is for
# the clocks.
KEY_LIFE = dt.timedelta(hours=23)


def obtain(row: Counterpart, *, find: Callable[[], str | None], make: Callable[[str], str], at: dt.datetime) -> str:
    """The id of the row's counterpart, which ``make(key)`` makes and ``find()`` looks up.

    ``find`` is asked only when an earlier request may have had its effect. Raises what the two raise.
    """
    if row.counterpart_id is not None:
        return row.counterpart_id
    if row.asked_at is not None:
        if found := find():
            return keep(row, found)
        if at - row.asked_at > KEY_LIFE:
            _take_next_key(row, at=at)
    else:
        _note_asked(row, at=at)
    return keep(row, _made(row, find=find, make=make, at=at))


def _made(row: Counterpart, *, find: Callable[[], str | None], make: Callable[[str], str], at: dt.datetime) -> str:
    try:
        return make(row.idempotency_key)
    except IdempotencyKeyExhausted:
        # The first request under this key has ended, so what find() does not see now will never be there.
        logger.warning("The key %s is spent.", row.idempotency_key)
        if found := find():
            return found
        _take_next_key(row, at=at)
        return make(row.idempotency_key)
    except ProviderRefused:
        # The refusal may be stored; whoever tries again with what is mended by then needs another key.
        _take_next_key(row, at=at)
        raise


def keep(row: Counterpart, counterpart_id: str) -> str:
    """Commit the counterpart's id; return the one that counts, which is another where somebody was faster."""
    rows = type(row)._default_manager.filter(pk=row.pk)
    rows.filter(**{row.ID_FIELD: None}).update(**{row.ID_FIELD: counterpart_id})
    row.refresh_from_db(fields=[row.ID_FIELD])
    assert row.counterpart_id is not None
    return row.counterpart_id


def _note_asked(row: Counterpart, *, at: dt.datetime) -> None:
    type(row)._default_manager.filter(pk=row.pk, asked_at=None).update(asked_at=at)
    row.refresh_from_db(fields=["asked_at"])


def _take_next_key(row: Counterpart, *, at: dt.datetime) -> None:
    rows = type(row)._default_manager.filter(pk=row.pk, key_number=row.key_number)
    rows.update(key_number=row.key_number + 1, asked_at=at)
    row.refresh_from_db(fields=["key_number", "asked_at"])
