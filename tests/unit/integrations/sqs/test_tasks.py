from __future__ import annotations

import traceback
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from celery import _state
from celery.exceptions import Retry

from integrations.errors import PermanentError, TransientError
from integrations.sqs import tasks
from integrations.sqs.topology import CHARGES, MAX_COUNTDOWN

KEY = uuid4()


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


@pytest.mark.parametrize("option", [{"countdown": 5}, {"eta": datetime.now(UTC)}, {"expires": 9}, {"countdown": 0}])
def test_no_message_is_published_with_a_delay(take: Any, option: dict[str, Any]) -> None:
    with pytest.raises(tasks.UnableToDelay, match="not_before"):
        take.apply_async(kwargs={"key": KEY}, **option)


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
