from __future__ import annotations

import datetime as dt
import hashlib

import pytest

from integrations.logs import redacted
from subscriptions.models import ApiKey
from subscriptions.operations import api_keys
from subscriptions.operations.api_keys import BadApiKey

A_DAY = dt.timedelta(days=1)


def make(now: dt.datetime, **fields: object) -> api_keys.NewApiKey:
    values = {"name": "Storefront", "scopes": ["checkout"], "expires_at": now + A_DAY, **fields}
    return api_keys.make_api_key(**values)  # type: ignore[arg-type]


def test_only_the_hash_of_the_secret_is_stored(db: None, now: dt.datetime) -> None:
    made = make(now)
    mark, prefix, secret = made.key.split("_")
    row = ApiKey.objects.get()
    assert (mark, prefix, len(secret)) == ("shopkey", row.prefix, 64)
    assert row.key_hash == hashlib.sha256(bytes.fromhex(secret)).hexdigest()
    assert secret not in str(vars(row))


def test_no_two_keys_are_alike(db: None, now: dt.datetime) -> None:
    assert len({make(now).key for _ in range(20)}) == 20


def test_a_key_is_found(db: None, now: dt.datetime) -> None:
    made = make(now)
    assert api_keys.api_key(key=made.key, at=now) == made.row


def test_a_key_ends_at_its_expiry(db: None, now: dt.datetime) -> None:
    made = make(now)
    api_keys.api_key(key=made.key, at=now + A_DAY - dt.timedelta(seconds=1))
    with pytest.raises(BadApiKey):
        api_keys.api_key(key=made.key, at=now + A_DAY)


def test_a_revoked_key_is_refused_and_revoked_once(db: None, now: dt.datetime) -> None:
    made = make(now)
    assert api_keys.revoke_api_key(key_id=made.row.pk, at=now)
    assert not api_keys.revoke_api_key(key_id=made.row.pk, at=now + A_DAY)
    assert ApiKey.objects.get().revoked_at == now
    with pytest.raises(BadApiKey):
        api_keys.api_key(key=made.key, at=now)


def test_a_prefix_with_another_secret_is_refused(db: None, now: dt.datetime) -> None:
    one, other = make(now), make(now)
    mixed = f"shopkey_{one.row.prefix}_{other.key.rpartition('_')[2]}"
    for key in (mixed, one.key[:-2], f"{one.key}00", f"shopkey_{one.row.prefix}_", "shopkey", "", "a_b_c"):
        with pytest.raises(BadApiKey):
            api_keys.api_key(key=key, at=now)


def test_its_use_is_noted_at_most_once_a_minute(db: None, now: dt.datetime) -> None:
    made = make(now)
    noted = []
    for seconds in (0, 1, 59, 60, 61, 119, 120):
        api_keys.api_key(key=made.key, at=now + dt.timedelta(seconds=seconds))
        noted.append((ApiKey.objects.get().last_used_at - now).seconds)  # type: ignore[operator]
    assert noted == [0, 0, 0, 60, 60, 60, 120]


def test_an_unnoted_use_writes_nothing(db: None, now: dt.datetime, django_assert_num_queries: object) -> None:
    made = make(now)
    api_keys.api_key(key=made.key, at=now)
    with django_assert_num_queries(1):  # type: ignore[operator]
        api_keys.api_key(key=made.key, at=now + dt.timedelta(seconds=5))


def test_a_refused_key_is_not_noted_as_used(db: None, now: dt.datetime) -> None:
    made = make(now)
    with pytest.raises(BadApiKey):
        api_keys.api_key(key=made.key, at=now + A_DAY)
    assert ApiKey.objects.get().last_used_at is None


@pytest.mark.parametrize("form", ["{}", "Authorization: Bearer {}", "key={}", '{{"key": "{}"}}'])
def test_logs_redact_keys(db: None, now: dt.datetime, form: str) -> None:
    key = make(now).key
    assert key.rpartition("_")[2] not in redacted(form.format(key))
