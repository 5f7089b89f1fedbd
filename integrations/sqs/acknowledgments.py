"""The answers that we owe SQS: delete this message, or show it again in so many seconds.

They are given by blocking calls on the worker's event loop, so none may take long and none may raise. One that fails
is kept and given again later. One that is never given costs a redelivery, which every handler survives.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from integrations.backoff import Backoff
from integrations.sqs.client import error_code

logger = logging.getLogger(__name__)

# Older than this, a receipt is past every visibility timeout of ours, and the message has come back by itself.
GIVE_UP_AFTER = 15 * 60
MAX_PENDING = 1000
BETWEEN_LAST_TRIES = 5.0

# SQS read the receipt and will never take this answer; the message is deleted already or has come back.
_FINAL_CODES = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight", "InvalidIdFormat"}


@dataclass(frozen=True, slots=True)
class Acknowledgment:
    """``visible_in`` None means: delete. ``made`` is on the monotonic clock: time spent away shortens the wait."""

    queue_url: str
    receipt_handle: str
    made: float
    visible_in: float | None = None


class AcknowledgingClient:
    """boto3's client as kombu uses it, except that a delete or a change of visibility never fails at once.

    Cures: a DeleteMessage to a hanging endpoint blocks the whole worker for 60 s, one that is denied ends it, and one
    that meets a 5xx is forgotten although the task is done.
    """

    def __init__(self, client: Any, *, later: Callable[[float, Callable[[], None]], Any]) -> None:
        self._client = client
        self._later = later
        self._kept: deque[Acknowledgment] = deque(maxlen=MAX_PENDING)
        self._backoff = Backoff()
        self._polls_fail = False
        self._scheduled = False
        self._failed_at = -BETWEEN_LAST_TRIES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    @property
    def kept(self) -> int:
        """How many answers are still owed."""
        return len(self._kept)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        self._give(Acknowledgment(QueueUrl, ReceiptHandle, time.monotonic()))

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: float) -> None:
        self._give(Acknowledgment(QueueUrl, ReceiptHandle, time.monotonic(), VisibilityTimeout))

    def sqs_is_away(self) -> None:
        """A poll has found out: keep answers instead of blocking on each."""
        self._polls_fail = True

    def sqs_is_back(self) -> None:
        """A poll was answered: give what was kept."""
        self._polls_fail = False
        if self._kept:
            self.give_kept()

    def give_kept(self) -> None:
        """Give kept answers until one fails."""
        while self._kept:
            if not self._given(self._kept[0]):
                self._try_later()
                return
            self._kept.popleft()

    def give_last(self) -> None:
        """At shutdown: give what is kept, unless SQS has just failed to take it."""
        if time.monotonic() - self._failed_at >= BETWEEN_LAST_TRIES:
            self.give_kept()
        if self._kept:
            logger.warning("%d answers to SQS could not be given; those messages come back", len(self._kept))

    def _give(self, answer: Acknowledgment) -> None:
        if self._polls_fail or self._backoff.is_failing or not self._given(answer):
            self._kept.append(answer)
            self._try_later()

    def _try_later(self) -> None:
        if self._kept and not self._scheduled:
            self._scheduled = True
            self._later(max(self._backoff.wait_seconds, 1.0), self._try_now)

    def _try_now(self) -> None:
        self._scheduled = False
        if self._polls_fail:
            self._try_later()  # the poll finds out sooner, and blocks nobody while it waits
        else:
            self.give_kept()

    def _given(self, answer: Acknowledgment) -> bool:
        if time.monotonic() - answer.made > GIVE_UP_AFTER:
            logger.warning("SQS never took our answer to a message of %s; it comes back by itself", answer.queue_url)
            return True
        self._backoff.asking()
        try:
            self._call(answer)
        except ClientError as exc:
            if error_code(exc) in _FINAL_CODES:
                logger.warning("SQS will not take our answer to a message of %s: %s", answer.queue_url, exc)
                self._backoff.succeeded()
                return True
            return self._not_given(exc)
        except (BotoCoreError, OSError) as exc:
            return self._not_given(exc)
        self._backoff.succeeded()
        return True

    def _not_given(self, exc: Exception) -> bool:
        if not self._backoff.is_failing:
            logger.warning("SQS did not take our answer to a message; it is kept and given again: %s", exc)
        self._backoff.failed()
        self._failed_at = time.monotonic()
        return False

    def _call(self, answer: Acknowledgment) -> None:
        if answer.visible_in is None:
            self._client.delete_message(QueueUrl=answer.queue_url, ReceiptHandle=answer.receipt_handle)
        else:
            left = max(answer.visible_in - (time.monotonic() - answer.made), 0)
            self._client.change_message_visibility(
                QueueUrl=answer.queue_url, ReceiptHandle=answer.receipt_handle, VisibilityTimeout=round(left)
            )
