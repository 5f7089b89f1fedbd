"""How the worker's parent process handles a message whose task failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from billiard.einfo import ExceptionInfo
from billiard.exceptions import WorkerLostError
from celery import _state
from celery.exceptions import Retry

from integrations.errors import PermanentError
from integrations.sqs import tasks
from integrations.sqs.deliveries import Delivery


class Store:
    """A result backend. If ``away`` is set, every method raises it."""

    max_retries = 0

    def __init__(self) -> None:
        self.states: list[str] = []
        self.away: Exception | None = None

    def mark_as_retry(self, *_: Any, **__: Any) -> None:
        self._note("RETRY")

    def mark_as_failure(self, *_: Any, **__: Any) -> None:
        self._note("FAILURE")

    def _note(self, state: str) -> None:
        if self.away:
            raise self.away
        self.states.append(state)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def receive(registry: Any, store: Store) -> Any:
    """Make the request of a message's n-th receive; ``answers`` collects its visibility time-out or "deleted"."""
    app = _state.get_current_app()

    class Task(tasks.Task):
        name = "unit.task"

        def run(self, **_: object) -> None: ...

    task = app.register_task(Task())
    task.backend = store

    def make(count: int = 1) -> Any:
        delivery = Delivery("m", count)
        message = SimpleNamespace(
            headers={"id": "t1", "task": "unit.task"}, body=b"", content_type="application/json",
            content_encoding="utf-8", payload=([], {}, {}), delivery_info={}, properties={},
        )  # fmt: skip
        delivery.attach(message.delivery_info)
        answers: list[Any] = []
        request = tasks.Request(
            message,
            app=app,
            task=task,
            on_ack=lambda *_: answers.append("deleted"),
            on_reject=lambda *_: answers.append(delivery.visible_in),
        )
        request.answers = answers
        return request

    return make


def _info(error: BaseException) -> ExceptionInfo:
    try:
        raise error
    except BaseException:
        return ExceptionInfo()


def test_the_receive_count_of_sqs_counts_the_attempts(receive: Any) -> None:
    request = receive(3)
    assert request.request_dict["retries"] == 2
    assert request.delivery_info["redelivered"]
    assert request.request_dict["sqs_message_id"] == "m"


def test_a_retry_hides_the_message_for_its_countdown(receive: Any) -> None:
    request = receive()
    request.on_failure(_info(Retry(exc=ValueError("x"), when=77)), return_ok=True)
    assert request.answers == [77]


@pytest.mark.parametrize(
    ("error", "count", "seconds", "dead"),
    [(PermanentError("x"), 1, 0, True), (ValueError("x"), 4, 0, True), (ValueError("x"), 2, 300, False)],
)
def test_a_failed_message_is_visible_at_once_only_if_it_is_dead(
    receive: Any, error: Exception, count: int, seconds: int, dead: bool
) -> None:
    request = receive(count)
    request.on_failure(_info(error), return_ok=True)
    assert request.answers == [seconds]
    assert Delivery.of(request.message).dead is dead


@pytest.mark.parametrize(("count", "seconds", "state"), [(1, 60, "RETRY"), (3, 1500, "RETRY"), (4, 0, "FAILURE")])
def test_a_lost_child_process_uses_the_ladder_and_stores_the_reason(
    receive: Any, store: Store, count: int, seconds: int, state: str
) -> None:
    request = receive(count)
    request.on_failure(_info(WorkerLostError("killed")))
    assert request.answers == [seconds]
    assert store.states == [state]


@pytest.mark.parametrize(("count", "seconds", "state"), [(1, 60, "RETRY"), (4, 0, "FAILURE")])
def test_a_hard_time_limit_uses_the_ladder_and_stores_the_reason(
    receive: Any, store: Store, count: int, seconds: int, state: str
) -> None:
    request = receive(count)
    request.on_timeout(soft=False, timeout=5)
    assert request.answers == [seconds]
    assert store.states[-1] == state


def test_a_soft_time_limit_is_left_to_the_task(receive: Any, store: Store) -> None:
    request = receive()
    request.on_timeout(soft=True, timeout=5)
    assert (request.answers, store.states) == ([], [])


def test_a_failing_result_backend_leaves_the_slot_and_the_worker_intact(receive: Any, store: Store) -> None:
    store.away = ConnectionError("no database")
    timed_out, lost, failed = receive(), receive(), receive()
    timed_out.on_timeout(soft=False, timeout=5)
    lost.on_failure(_info(WorkerLostError("killed")))
    failed.on_failure(_info(ValueError("x")))
    assert timed_out.answers == lost.answers == failed.answers == [60]


def test_a_child_out_of_memory_does_not_end_the_parent(receive: Any, store: Store) -> None:
    request = receive()
    request.on_failure(_info(MemoryError()))
    assert request.answers == [60]
    assert store.states == ["RETRY"]
