"""Tasks whose retry is SQS's own retry.

Stock Celery publishes a new message to retry and acknowledges the old one: the broker's receive count starts again, the
redrive policy never fires, and the countdown waits in a worker's memory. Here the message stays where it is: a failed
one is hidden for the ladder's next step, and the broker counts. See docs/adr/0002-a-retry-keeps-the-sqs-message.md.
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
from integrations.sqs.topology import DEFAULT_LADDER, MAX_COUNTDOWN, Queue

logger = logging.getLogger(__name__)

_registry: dict[str, Queue] = {}


class DuplicateTask(Exception):
    """Two tasks have one name."""


class UnknownTask(LookupError):
    """No task of that name is registered; its module may not have been imported."""


class UnexpectedError(Exception):
    """A task failed in a way that nobody foresaw. It names the original's class only; the original is in the log."""


class UnableToDelay(TypeError):
    """A message is never published with an ETA, a countdown or an expiry; delay it in the outbox (``not_before``)."""


def task(*, name: str, queue: Queue) -> Callable[[Callable[..., None]], Any]:
    """Make ``def f(*, order_id: UUID, **_: object)`` a Celery task on ``queue``, under a name that never changes.

    Arguments arrive as JSON scalars and are converted by annotation (UUID, int, str, bool, date, aware datetime, each
    also ``| None``); MalformedMessage names the one that is missing or wrong. Raises DuplicateTask and TypeError.
    """

    def register(function: Callable[..., None]) -> Any:
        parameters = arguments.keyword_parameters(function)
        if name in _registry:
            raise DuplicateTask(f"task {name!r} is already registered")
        _registry[name] = queue

        @functools.wraps(function)
        def run(**kwargs: Any) -> None:
            function(**arguments.converted(parameters, kwargs))

        del run.__wrapped__  # Celery would check calls against the inner signature and hide MalformedMessage
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
    """The queue of a task; UnknownTask if nobody registered it."""
    try:
        return _registry[name]
    except KeyError:
        raise UnknownTask(f"no task is registered as {name!r}") from None


def route(name: str, *_: Any, **__: Any) -> dict[str, str]:
    """Celery's router: our registry decides, and nothing else. UnknownTask for what is not in it."""
    return {"queue": queue_for(name).name}


class Task(celery.Task):  # type: ignore[misc]
    """Runs at least once, and again by the ladder when it fails."""

    Request = "integrations.sqs.tasks:Request"
    acks_late = True
    reject_on_worker_lost = True
    acks_on_failure = False
    acks_on_timeout = False
    autoretry_for = (Exception,)
    dont_autoretry_for = (PermanentError,)

    #: Seconds before each retry; celery_settings() puts the configured ladder here.
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
        """Send now. UnableToDelay for any ETA, countdown or expiry."""
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
        """Ask for this same message again, later. Publishes nothing; after the last step it raises ``exc`` instead.

        ``countdown`` (seconds) replaces the ladder's step.
        """
        if self.request.called_directly:
            raise exc or Retry("asked to be tried again")
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
        # The result keeps an exception's text and traceback, and a database driver's text quotes the row.
        logger.warning("Task %s[%s] failed unexpectedly", self.name, self.request.id, exc_info=exc)
        return UnexpectedError(f"{type(exc).__module__}.{type(exc).__qualname__}; the log has the details")


def _asked_for(exc: BaseException | None) -> float:
    return (exc.retry_after or 0) if isinstance(exc, TransientError) else 0


def _whole_seconds(seconds: float) -> int:
    # SQS counts whole seconds; rounding up keeps the promise never to come early.
    return min(max(math.ceil(seconds), 0), MAX_COUNTDOWN)


class Request(celery_request.Request):  # type: ignore[misc]
    """A received message on its way through the worker: every way to fail leads back to the queue, none to deletion."""

    def __init__(self, message: Any, **options: Any) -> None:
        super().__init__(message, **options)
        self._delivery = Delivery.of(message)
        self._ladder = getattr(self._task, "ladder", DEFAULT_LADDER)
        # The broker counts, so that a worker that was killed has spent a try as well.
        self._request_dict["retries"] = self._delivery.receive_count - 1
        # Stock passes the whole raw SQS message along with the decoded one to the child process.
        self._request_dict["properties"] = {}
        self._request_dict["sqs_message_id"] = self._delivery.message_id
        self._delivery_info["redelivered"] = self._delivery.receive_count > 1

    @property
    def _step(self) -> int | None:
        """Seconds until the next try by the ladder; None when this was the last."""
        retries: int = self._request_dict["retries"]
        return self._ladder[retries] if retries < len(self._ladder) else None

    def on_retry(self, exc_info: Any) -> None:
        # Stock acknowledges here, because it has published a copy; we have not.
        self._leave(visible_in=_unwrapped(exc_info).when)
        super().on_retry(exc_info)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> None:
        exc = _unwrapped(exc_info)
        if isinstance(exc, MemoryError):
            # Stock raises it again in the parent, and one hungry message takes the whole worker down, each time.
            logger.error("Task %s[%s] ran out of memory", self.name, self.id)
            self._fail(exc)
            return
        if not isinstance(exc, Retry):
            self._delivery.dead = isinstance(exc, PermanentError) or self._step is None
        try:
            super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)
        except Exception:
            # The result store may be away; that must not cost the slot or the worker.
            logger.exception("Task %s[%s]: its failure could not be recorded", self.name, self.id)
        self._leave_if_open()

    def on_timeout(self, soft: bool, timeout: float) -> None:
        try:
            super().on_timeout(soft, timeout)
            if not soft and self._step is not None:
                self._record_retry(celery_request.TimeLimitExceeded(timeout))
        except Exception:
            logger.exception("Task %s[%s]: its time-out could not be recorded", self.name, self.id)
        finally:
            if not soft:
                self._leave_if_open()

    def reject(self, requeue: bool = False) -> None:
        """Leave the message to the broker, hidden for the ladder's step; ``requeue`` makes no difference here."""
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
        # Stock leaves the result of a lost task as it was ("started", for ever).
        lost = celery_request.WorkerLostError("the worker process was lost; the message is tried again")
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
            logger.exception("Task %s[%s]: its result could not be recorded", self.name, self.id)


def _unwrapped(exc_info: Any) -> Any:
    exc = exc_info.exception
    return exc.exc if isinstance(exc, ExceptionWithTraceback) else exc
