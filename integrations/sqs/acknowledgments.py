"""Acknowledgments to SQS: delete this message, or show it again after some seconds.

The worker's event loop sends them with blocking calls, so no call may take long or raise. A failed acknowledgment stays
pending and is sent again later. A lost one costs a redelivery, which every handler survives.
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

# After this time every visibility timeout has expired, so SQS has already shown the message again.
GIVE_UP_AFTER = 15 * 60
MAX_PENDING = 1000
MIN_SECONDS_BEFORE_LAST_ATTEMPT = 5.0

# SQS will never accept this acknowledgment: the message is already deleted or visible again.
_FINAL_CODES = {"ReceiptHandleIsInvalid", "InvalidParameterValue", "MessageNotInflight", "InvalidIdFormat"}


@dataclass(frozen=True, slots=True)
class Acknowledgment:
    """``visible_in`` None means: delete. ``created_at`` is monotonic: time spent pending shortens ``visible_in``."""

    queue_url: str
    receipt_handle: str
    created_at: float
    visible_in: float | None = None


class AcknowledgingClient:
    """boto3's client as kombu uses it, except that a failed delete or change of visibility is sent again later.

    Fixes kombu: a DeleteMessage to a hanging endpoint blocks the whole worker for 60 s, a denied call ends the worker,
    and a call with response 5xx is lost although the task is done.
    """

    def __init__(self, client: Any, *, later: Callable[[float, Callable[[], None]], Any]) -> None:
        self._client = client
        self._later = later
        self._pending: deque[Acknowledgment] = deque(maxlen=MAX_PENDING)
        self._backoff = Backoff()
        self._polls_fail = False
        self._scheduled = False
        self._last_failure_at = -MIN_SECONDS_BEFORE_LAST_ATTEMPT

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    @property
    def pending(self) -> int:
        """The number of acknowledgments that SQS has not accepted yet."""
        return len(self._pending)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> None:
        self._acknowledge(Acknowledgment(QueueUrl, ReceiptHandle, time.monotonic()))

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: float) -> None:
        self._acknowledge(Acknowledgment(QueueUrl, ReceiptHandle, time.monotonic(), VisibilityTimeout))

    def sqs_is_away(self) -> None:
        """A poll failed: from now on, do not block the event loop with acknowledgments."""
        self._polls_fail = True

    def sqs_is_back(self) -> None:
        """A poll succeeded: send the pending acknowledgments."""
        self._polls_fail = False
        if self._pending:
            self.send_pending()

    def send_pending(self) -> None:
        """Send pending acknowledgments until one fails."""
        while self._pending:
            if not self._try_to_send(self._pending[0]):
                self._schedule_retry()
                return
            self._pending.popleft()

    def send_last(self) -> None:
        """At shutdown: send the pending acknowledgments, unless SQS has just failed to take one."""
        if time.monotonic() - self._last_failure_at >= MIN_SECONDS_BEFORE_LAST_ATTEMPT:
            self.send_pending()
        if self._pending:
            logger.warning("%d acknowledgments were not sent; SQS will deliver the messages again", len(self._pending))

    def _acknowledge(self, acknowledgment: Acknowledgment) -> None:
        if self._polls_fail or self._backoff.is_failing or not self._try_to_send(acknowledgment):
            self._pending.append(acknowledgment)
            self._schedule_retry()

    def _schedule_retry(self) -> None:
        if self._pending and not self._scheduled:
            self._scheduled = True
            self._later(max(self._backoff.wait_seconds, 1.0), self._retry)

    def _retry(self) -> None:
        self._scheduled = False
        if self._polls_fail:
            self._schedule_retry()  # the poll notices sooner that SQS is back, and does not block the event loop
        else:
            self.send_pending()

    def _try_to_send(self, acknowledgment: Acknowledgment) -> bool:
        """Send it; False if it has to be sent again later."""
        if time.monotonic() - acknowledgment.created_at > GIVE_UP_AFTER:
            logger.warning("%s: SQS took no acknowledgment in time", acknowledgment.queue_url)
            return True
        self._backoff.asking()
        try:
            self._call(acknowledgment)
        except ClientError as exc:
            if error_code(exc) in _FINAL_CODES:
                logger.warning("%s: SQS rejected an acknowledgment: %s", acknowledgment.queue_url, exc)
                self._backoff.succeeded()
                return True
            return self._failed(exc)
        except (BotoCoreError, OSError) as exc:
            return self._failed(exc)
        self._backoff.succeeded()
        return True

    def _failed(self, exc: Exception) -> bool:
        if not self._backoff.is_failing:
            logger.warning("SQS did not take an acknowledgment; it is sent again later: %s", exc)
        self._backoff.failed()
        self._last_failure_at = time.monotonic()
        return False

    def _call(self, acknowledgment: Acknowledgment) -> None:
        if acknowledgment.visible_in is None:
            self._client.delete_message(QueueUrl=acknowledgment.queue_url, ReceiptHandle=acknowledgment.receipt_handle)
        else:
            left = max(acknowledgment.visible_in - (time.monotonic() - acknowledgment.created_at), 0)
            self._client.change_message_visibility(
                QueueUrl=acknowledgment.queue_url,
                ReceiptHandle=acknowledgment.receipt_handle,
                VisibilityTimeout=round(left),
            )
