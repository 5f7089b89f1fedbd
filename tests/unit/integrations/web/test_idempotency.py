"""The Idempotency-Key header and the hash of a body."""

from __future__ import annotations

import pytest
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from integrations.web.idempotency import body_hash, idempotency_key


def request_with(key: str | None) -> Request:
    headers = {} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}
    return Request(APIRequestFactory().post("/", **headers))


@pytest.mark.parametrize("key", ["a", "5f0c-77", "!~", "k" * 255])
def test_a_key_of_visible_ascii_is_returned(key: str) -> None:
    assert idempotency_key(request_with(key), purpose="refund") == key


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "required"),
        ("", "required"),
        ("a b", "invalid_type"),
        ("schlüssel", "invalid_type"),
        ("k" * 256, "invalid_type"),
    ],
)
def test_other_keys_are_rejected(key: str | None, code: str) -> None:
    with pytest.raises(ValidationError) as rejected:
        idempotency_key(request_with(key), purpose="refund")
    assert rejected.value.get_codes() == {"Idempotency-Key": [code]}
    assert "new for each refund" in str(rejected.value.detail)


def test_the_order_of_keys_does_not_change_the_hash() -> None:
    assert body_hash({"a": 1, "b": {"c": 2, "d": 3}}) == body_hash({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize("other", [{"a": "1"}, {"a": 1.5}, {"a": True}, {"b": 1}, [1], None])
def test_another_body_has_another_hash(other: object) -> None:
    assert body_hash(other) != body_hash({"a": 1})
