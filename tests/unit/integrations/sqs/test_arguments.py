from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from integrations.errors import MalformedMessage
from integrations.sqs import arguments, tasks
from integrations.sqs.topology import CHARGES

KEY = uuid4()


def test_json_scalars_are_converted_to_the_types_in_the_signature(take: Any) -> None:
    take(key=str(KEY), count=2, text="x", flag=True, at="2026-01-02T03:04:05+00:00", day="2026-01-02", newer="y")
    assert take.got == {
        "key": KEY, "count": 2, "text": "x", "flag": True,
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "day": date(2026, 1, 2),
    }  # fmt: skip


def test_a_value_of_the_right_type_is_not_converted(take: Any) -> None:
    take(key=KEY, at=None)
    assert take.got["key"] == KEY


@pytest.mark.parametrize(
    ("kwargs", "named"),
    [
        ({}, "'key' is missing"),
        ({"key": None}, "'key'"),
        ({"key": "not a uuid"}, "'key' is not a UUID"),
        ({"key": 5}, "'key'"),
        ({"key": str(KEY), "count": "2"}, "'count'"),
        ({"key": str(KEY), "count": True}, "'count'"),
        ({"key": str(KEY), "count": 1.5}, "'count'"),
        ({"key": str(KEY), "text": 1}, "'text'"),
        ({"key": str(KEY), "flag": 1}, "'flag'"),
        ({"key": str(KEY), "at": "2026-01-02T03:04:05"}, "'at' is not an aware datetime"),
        ({"key": str(KEY), "at": "soon"}, "'at'"),
    ],
)
def test_a_wrong_argument_is_reported_without_its_value(take: Any, kwargs: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedMessage, match=named) as caught:
        take(**kwargs)
    assert "not a uuid" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_signature_with_unsupported_types_is_rejected(registry: Any) -> None:
    def positional(key: UUID, **_: object) -> None: ...
    def closed(*, key: UUID) -> None: ...
    def unknown(*, key: list[str], **_: object) -> None: ...

    for function, said in [(positional, "keyword-only"), (closed, r"\*\*_"), (unknown, "'key'")]:
        with pytest.raises(TypeError, match=said):
            tasks.task(name="unit.refused", queue=CHARGES)(function)
    assert not registry


def test_a_message_carries_only_scalars() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert arguments.as_json_scalars({"a": KEY, "b": moment, "c": None, "d": 1}) == {
        "a": str(KEY), "b": "2026-01-02T00:00:00+00:00", "c": None, "d": 1,
    }  # fmt: skip
    with pytest.raises(TypeError, match="'price'"):
        arguments.as_json_scalars({"price": 1.5})
