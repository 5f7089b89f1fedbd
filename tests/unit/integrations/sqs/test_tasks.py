from __future__ import annotations

import traceback
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import _state
from celery.exceptions import Retry

from integrations.errors import MalformedMessage, PermanentError, TransientError
from integrations.sqs import arguments, tasks
from integrations.sqs.topology import CHARGES, MAX_COUNTDOWN

KEY = uuid4()


@pytest.fixture
def take(registry: Any) -> Any:
    """A task with every type of argument. It returns its arguments."""
    got: dict[str, Any] = {}

    @tasks.task(name="unit.take", queue=CHARGES)
    def take(
        *, key: UUID, count: int = 0, text: str = "", flag: bool = False, at: datetime | None = None,
        day: date | None = None, **_: object,
    ) -> None:  # fmt: skip
        got.update(key=key, count=count, text=text, flag=flag, at=at, day=day)

    take.got = got
    return take


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


def test_a_name_is_registered_once(take: Any) -> None:
    assert tasks.queue_for("unit.take") is CHARGES
    assert dict(tasks.registered_tasks()) == {"unit.take": CHARGES}
    assert tasks.route("unit.take", (), {}, {}) == {"queue": "ChargesQueue"}
    with pytest.raises(tasks.UnknownTask, match="another"):
        tasks.route("another", (), {}, {})
    with pytest.raises(tasks.DuplicateTask, match=r"unit\.take"):
        tasks.task(name="unit.take", queue=CHARGES)(lambda **_: None)
    with pytest.raises(tasks.UnknownTask, match="nobody"):
        tasks.queue_for("nobody")


def test_a_signature_with_unsupported_types_is_rejected(registry: Any) -> None:
    def positional(key: UUID, **_: object) -> None: ...
    def closed(*, key: UUID) -> None: ...
    def unknown(*, key: list[str], **_: object) -> None: ...

    for function, said in [(positional, "keyword-only"), (closed, r"\*\*_"), (unknown, "'key'")]:
        with pytest.raises(TypeError, match=said):
            tasks.task(name="unit.refused", queue=CHARGES)(function)
    assert not registry


@pytest.mark.parametrize("option", [{"countdown": 5}, {"eta": datetime.now(UTC)}, {"expires": 9}, {"countdown": 0}])
def test_no_message_is_published_with_a_delay(take: Any, option: dict[str, Any]) -> None:
    with pytest.raises(tasks.UnableToDelay, match="not_before"):
        take.apply_async(kwargs={"key": KEY}, **option)


def test_a_message_carries_only_scalars() -> None:
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    assert arguments.as_json_scalars({"a": KEY, "b": moment, "c": None, "d": 1}) == {
        "a": str(KEY), "b": "2026-01-02T00:00:00+00:00", "c": None, "d": 1,
    }  # fmt: skip
    with pytest.raises(TypeError, match="'price'"):
        arguments.as_json_scalars({"price": 1.5})


# -- retry()


@pytest.fixture
def failing(registry: Any) -> Any:
    app = _state.get_current_app()

    class Failing(tasks.Task):
        name = "unit.failing"
        error: BaseException = TransientError("no")

        def run(self, **_: object) -> None:
            raise self.error

    return app.register_task(Failing())


def _attempt(task: Any, error: BaseException, *, retries: int) -> BaseException:
    task.error = error
    task.push_request(retries=retries, called_directly=False, id="x")
    try:
        task.run()
    except BaseException as raised:
        return raised
    finally:
        task.pop_request()
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(("retries", "step"), [(0, 60), (1, 300), (2, 1500)])
def test_each_failure_waits_for_the_next_step_of_the_ladder(failing: Any, retries: int, step: int) -> None:
    raised = _attempt(failing, ValueError("x"), retries=retries)
    assert isinstance(raised, Retry)
    assert raised.when == step


@pytest.mark.parametrize(("asked", "when"), [(10, 60), (61.2, 62), (10**9, MAX_COUNTDOWN), (None, 60)])
def test_a_longer_retry_after_wins_up_to_the_maximum_of_sqs(failing: Any, asked: float | None, when: int) -> None:
    raised = _attempt(failing, TransientError("x", retry_after=asked), retries=0)
    assert isinstance(raised, Retry)
    assert raised.when == when


def test_after_the_last_step_the_exception_is_raised(failing: Any) -> None:
    error = TransientError("x")
    assert _attempt(failing, error, retries=3) is error


@pytest.mark.parametrize("retries", [0, 3])
def test_a_stored_result_quotes_only_own_errors(failing: Any, retries: int, caplog: pytest.LogCaptureFixture) -> None:
    raised = _attempt(failing, ValueError("Key (email)=(ada@example.com) exists"), retries=retries)
    stored = raised.exc if isinstance(raised, Retry) else raised
    assert isinstance(stored, tasks.UnexpectedError)
    assert "ValueError" in str(stored)
    assert "ada@" not in "".join(traceback.format_exception(raised)) + str(raised)
    assert "ada@" in caplog.text


def test_a_permanent_error_is_not_retried(failing: Any) -> None:
    error = PermanentError("x")
    assert _attempt(failing, error, retries=0) is error


def test_a_task_that_is_called_directly_raises_its_exception(failing: Any) -> None:
    failing.error = error = ValueError("x")
    with pytest.raises(ValueError, match="x") as caught:
        failing()
    assert caught.value is error
