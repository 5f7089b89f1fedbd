"""The long poll: kombu's asynchronous ReceiveMessage, with time-outs, and with no answer that ends consumption."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pycurl
from kombu.asynchronous.aws.connection import AsyncHTTPSConnection
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.asynchronous.http.base import Request
from kombu.asynchronous.http.curl import CurlClient

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT = 5
ANSWER_TIMEOUT = 5  # beyond the long poll's own wait
PROBE_TIMEOUT = 2.5  # a probe asks for no wait; one that hangs must be given up within the 5 s of a recovery


class ReceiveFailed(dict[str, Any]):
    """An empty answer to ReceiveMessage that says why it is empty.

    ``sqs_away`` tells "the service did not serve us" from "it refused this request" (a missing queue, a denied key).
    """

    def __init__(self, reason: str, *, sqs_away: bool) -> None:
        super().__init__()
        self.reason = reason
        self.sqs_away = sqs_away


class TimelyCurlClient(CurlClient):  # type: ignore[misc]
    """Cures: kombu takes curl's milliseconds for seconds, so that curl's own timers fire a thousand times too late."""

    def _set_timeout(self, msecs: int) -> None:
        if msecs >= 0:  # -1 is curl's "no timer"
            super()._set_timeout(msecs / 1000)


class TimedConnection(AsyncHTTPSConnection):  # type: ignore[misc]
    """Cures: kombu notes a request_timeout, but its curl client applies none; a hanging endpoint hangs it for good."""

    def __init__(self, http_client: Any, answer_timeout: float) -> None:
        super().__init__(http_client=http_client)
        self._answer_timeout = answer_timeout

    def Request(self, *args: Any, **options: Any) -> Request:
        return Request(*args, on_prepare=self._set_timeouts, **options)

    def _set_timeouts(self, curl: Any) -> None:
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(min(CONNECT_TIMEOUT, self._answer_timeout) * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(self._answer_timeout * 1000))
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TCP_NODELAY, 1)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)


class PollConnection(AsyncSQSConnection):  # type: ignore[misc]
    """kombu's connection for ReceiveMessage. ``probing`` says of a queue that its last poll failed."""

    def __init__(self, *args: Any, probing: Callable[[str], bool], **options: Any) -> None:
        super().__init__(*args, **options)
        self._probing = probing
        self._answer_timeout: float = ANSWER_TIMEOUT

    def receive_message(self, queue: str, queue_url: str, *args: Any, wait_time_seconds: int, **options: Any) -> Any:
        """While a queue's polls fail, ask without a wait and give up soon: see PROBE_TIMEOUT."""
        probing = self._probing(queue)
        wait = 0 if probing else wait_time_seconds
        self._answer_timeout = PROBE_TIMEOUT if probing else wait + ANSWER_TIMEOUT
        return super().receive_message(queue, queue_url, *args, wait_time_seconds=wait, **options)

    def get_http_connection(self) -> TimedConnection:
        return TimedConnection(self._httpclient, self._answer_timeout)

    def _on_list_ready(self, parent: Any, markers: Any, operation: str, response: Any) -> Any:
        """Cures: a 4xx raises here, through the event loop, and ends the worker; a 5xx, a refused or a reset
        connection answers ``[]``, on which kombu's channel calls ``.get`` and never polls again.
        """
        try:
            answer = super()._on_list_ready(parent, markers, operation, response)
        except Exception as exc:
            return ReceiveFailed(_refusal(exc), sqs_away=False)
        if isinstance(answer, dict):
            return answer
        return ReceiveFailed(f"HTTP {response.status} {_reason(response)}".strip(), sqs_away=True)


def _reason(response: Any) -> str:
    error = response.response.error
    return str(error) if error else ""


def _refusal(exc: Exception) -> str:
    return str(exc)[:300]
