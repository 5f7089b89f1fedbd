"""Tasks whose retry is SQS's own retry.

Celery retries by publishing a new message and acknowledging the old one: SQS's receive count starts again, the redrive
policy never fires, and the countdown waits in a worker's memory. Here a failed message stays in its queue, hidden for
the next step of the retry ladder, and SQS counts the receives. See docs/adr/0002-a-retry-keeps-the-sqs-message.md.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import celery
from billiard.einfo import ExceptionWithTraceback
from celery.exceptions import Retry
from celery.worker import request as celery_request

from integrations.errors import PermanentError, TransientError
from integrations.sqs import arguments
from integrations.sqs.deliveries import Delivery
from integrations.sqs.topology import DEFAULT_LADDER, MAX_COUNTDOWN, ORDERS, Queue

logger = logging.getLogger(__name__)

_registry: dict[str, Queue] = {}


class DuplicateTask(Exception):
    """Two tasks have one name."""


class UnknownTask(LookupError):
    """No task of that name is registered; its module may not have been imported."""


class UnexpectedError(Exception):
    """A task raised an unexpected exception. The text holds only its class; the log has the details."""


class UnableToDelay(TypeError):
    """Messages have no ETA, countdown or expiry. Delay them in the outbox (``not_before``)."""


def task(*, name: str, queue: Queue) -> Callable[[Callable[..., None]], Any]:
    """Make ``def f(*, order_id: UUID, **_: object)`` a Celery task on ``queue``. Never change its name.

    Arguments arrive as JSON scalars and are converted by annotation (UUID, int, str, bool, date, aware datetime, each
    also ``| None``). A missing or wrong argument raises MalformedMessage. Raises DuplicateTask and TypeError.
    """

    def register(function: Callable[..., None]) -> Any:
        parameters = arguments.keyword_parameters(function)
        if name in _registry:
            raise DuplicateTask(f"task {name!r} is already registered")
        _registry[name] = queue

        @functools.wraps(function)
        def run(**kwargs: Any) -> None:
            function(**arguments.converted(parameters, kwargs))

        del run.__wrapped__  # Celery would check the inner signature and raise TypeError instead of MalformedMessage
        return celery.shared_task(
            name=name,
            base=Task,
            soft_time_limit=queue.soft_time_limit,
            time_limit=queue.hard_time_limit,
        )(run)

    return register


def registered_tasks() -> Mapping[str, Queue]:
    """Every task that has been imported, and its queue."""
    return MappingProxyType(_registry)


def queue_for(name: str) -> Queue:
    """The queue of a task. Raises UnknownTask."""
    try:
        return _registry[name]
    except KeyError:
        raise UnknownTask(f"no task is registered as {name!r}") from None


def route(name: str, *_: Any, **__: Any) -> dict[str, str]:
    """Celery's router: only the registry decides. Raises UnknownTask."""
    return {"queue": queue_for(name).name}


class Task(celery.Task):  # type: ignore[misc]
    """A task that runs at least once, and again after each step of the retry ladder while it fails."""

    Request = "integrations.sqs.tasks:Request"
    acks_late = True
    reject_on_worker_lost = True
    acks_on_failure = False
    acks_on_timeout = False
    autoretry_for = (Exception,)
    dont_autoretry_for = (PermanentError,)

    #: Seconds before each retry. celery_settings() sets the configured ladder.
    ladder: tuple[int, ...] = DEFAULT_LADDER

    def apply_async(
        self,
        args: Any = None,
        kwargs: Mapping[str, Any] | None = None,
        *rest: Any,
        countdown: Any = None,
        eta: Any = None,
        expires: Any = None,
        **options: Any,
    ) -> Any:
        """Send now. Raises UnableToDelay for any ETA, countdown or expiry."""
        if countdown is not None or eta is not None or expires is not None:
            raise UnableToDelay(f"{self.name}: no ETA, countdown or expiry; the outbox's not_before delays a message")
        return super().apply_async(args, arguments.as_json_scalars(kwargs or {}), *rest, **options)

    def retry(
        self,
        args: Any = None,
        kwargs: Any = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: Any = None,
        countdown: float | None = None,
        **options: Any,
    ) -> Any:
        """Receive this same message again later; nothing is published. After the last step, raise ``exc``.

        ``countdown`` (seconds) replaces the step of the ladder.
        """
        if self.request.called_directly:
            raise exc or Retry("the task asked for a retry")
        failure, retries = self._fit_to_store(exc), self.request.retries
        if retries >= len(self.ladder):
            raise failure from None
        wait = self.ladder[retries] if countdown is None else countdown
        again = Retry(exc=failure, when=_whole_seconds(max(wait, _asked_for(exc))))
        if throw:
            raise again from None
        return again

    def _fit_to_store(self, exc: BaseException | None) -> BaseException:
        if isinstance(exc, (TransientError, PermanentError)):
            return exc
        # The stored result holds the exception's text, and a database driver's text quotes the row.
        logger.warning("Task %s[%s] failed unexpectedly", self.name, self.request.id, exc_info=exc)
        return UnexpectedError(f"{type(exc).__module__}.{type(exc).__qualname__}; the log has the details")


def _asked_for(exc: BaseException | None) -> float:
    return (exc.retry_after or 0) if isinstance(exc, TransientError) else 0


def _whole_seconds(seconds: float) -> int:
    # SQS counts whole seconds. Round up, so that the message does not come back early.
    return min(max(math.ceil(seconds), 0), MAX_COUNTDOWN)


class Request(celery_request.Request):  # type: ignore[misc]
    """A received message in the worker. Every failure returns it to its queue; none deletes it."""

    def __init__(self, message: Any, **options: Any) -> None:
        super().__init__(message, **options)
        self._delivery = Delivery.of(message)
        self._ladder = getattr(self._task, "ladder", DEFAULT_LADDER)
        # SQS counts, so a killed worker counts as an attempt, too.
        self._request_dict["retries"] = self._delivery.receive_count - 1
        # Celery would pass the raw SQS message to the child process as well.
        self._request_dict["properties"] = {}
        self._request_dict["sqs_message_id"] = self._delivery.message_id
        self._delivery_info["redelivered"] = self._delivery.receive_count > 1

    @property
    def _step(self) -> int | None:
        """Seconds until the next attempt; None after the last one."""
        retries: int = self._request_dict["retries"]
        return self._ladder[retries] if retries < len(self._ladder) else None

    def on_retry(self, exc_info: Any) -> None:
        # Celery acknowledges here, because it has published a copy. This task has not.
        self._leave(visible_in=_unwrapped(exc_info).when)
        super().on_retry(exc_info)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        exc = _unwrapped(exc_info)
        if isinstance(exc, MemoryError):
            # Celery raises it again in the parent process, so such a message would end the worker at each receive.
            logger.error("Task %s[%s] ran out of memory", self.name, self.id)
            self._fail(exc)
            return
        if not isinstance(exc, Retry):
            self._delivery.dead = isinstance(exc, PermanentError) or self._step is None
        try:
            super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)
        except Exception:
            # If the result backend fails, the worker must keep running and release the slot.
            logger.exception("Task %s[%s]: the failure could not be stored", self.name, self.id)
        self._leave_if_open()

    def on_timeout(self, soft: bool, timeout: float) -> None:
        try:
            super().on_timeout(soft, timeout)
            if not soft and self._step is not None:
                self._record_retry(celery_request.TimeLimitExceeded(timeout))
        except Exception:
            logger.exception("Task %s[%s]: the time-out could not be stored", self.name, self.id)
        finally:
            if not soft:
                self._leave_if_open()

    def reject(self, requeue: bool = False) -> None:
        """Leave the message to SQS, hidden for the ladder's step. ``requeue`` makes no difference."""
        if not self.acknowledged:
            self._leave(visible_in=0 if self._delivery.dead else (self._step or 0))
            if requeue:
                self._record_lost()

    def _leave(self, *, visible_in: float) -> None:
        self._delivery.visible_in = int(visible_in)
        self._delivery.dead = self._delivery.dead or self._step is None
        super().reject(requeue=False)

    def _leave_if_open(self) -> None:
        if not self.acknowledged:
            self.reject()

    def _fail(self, exc: BaseException) -> None:
        celery_request.task_ready(self)
        self._leave_if_open()
        self._record_retry(exc) if self._step is not None else self._record_failure(exc)

    def _record_lost(self) -> None:
        # Celery would leave the result of a lost task as it was.
        lost = celery_request.WorkerLostError("the worker process died; SQS delivers the message again")
        self._record_retry(lost) if self._step is not None else self._record_failure(lost)

    def _record_retry(self, exc: BaseException) -> None:
        self._record("mark_as_retry", exc)

    def _record_failure(self, exc: BaseException) -> None:
        self._record("mark_as_failure", exc)

    def _record(self, outcome: str, exc: BaseException) -> None:
        if not self.store_errors:
            return
        try:
            getattr(self.task.backend, outcome)(self.id, exc, request=self._context)
        except Exception:
            logger.exception("Task %s[%s]: the result could not be stored", self.name, self.id)


def _unwrapped(exc_info: Any) -> Any:
    exc = exc_info.exception
    return exc.exc if isinstance(exc, ExceptionWithTraceback) else exc


@task(name="sqs.purge_task_results", queue=ORDERS)
def purge_task_results(**_: object) -> None:
    """Delete Celery's results older than ``result_expires``."""
    celery.current_app.backend.cleanup()
