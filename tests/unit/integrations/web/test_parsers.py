"""The strict JSON parser."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rest_framework.exceptions import ParseError

from integrations.web.parsers import MAX_BODY_BYTES, MAX_BODY_DEPTH, BodyTooLarge, StrictJSONParser


def parse(body: bytes) -> Any:
    return StrictJSONParser().parse(io.BytesIO(body))


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_json_is_parsed() -> None:
    assert parse('{"name": "Åsa", "tags": [1, true, null]}'.encode()) == {"name": "Åsa", "tags": [1, True, None]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value at line 1, column 1."),
        (b'{"a": 1,}', "line 1, column"),
        (b'{"a": NaN}', "NaN is not a JSON value."),
        (b'{"a": -Infinity}', "-Infinity is not a JSON value."),
        (b'{"a": 1, "a": 2}', "an object has the same key twice."),
        (b'"\xff"', "it is not UTF-8."),
    ],
)
def test_invalid_json_is_rejected_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(ParseError) as rejected:
        parse(body)
    assert reason in str(rejected.value.detail)


def test_the_reason_never_quotes_the_body() -> None:
    with pytest.raises(ParseError) as rejected:
        parse(b'{"email": "ada@example.com"')
    assert "ada" not in str(rejected.value.detail)


def test_a_body_may_be_nested_up_to_the_limit() -> None:
    assert parse(nested(MAX_BODY_DEPTH))
    with pytest.raises(ParseError, match="nested too deeply"):
        parse(nested(MAX_BODY_DEPTH + 1))


def test_extreme_nesting_is_rejected_without_an_overflow() -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        parse(nested(30_000))


def test_a_body_may_be_as_large_as_the_limit() -> None:
    text = b'"' + b"a" * (MAX_BODY_BYTES - 2) + b'"'
    assert len(parse(text)) == MAX_BODY_BYTES - 2
    with pytest.raises(BodyTooLarge):
        parse(text + b" ")
