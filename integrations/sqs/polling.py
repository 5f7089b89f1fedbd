"""The long poll: kombu's asynchronous ReceiveMessage with time-outs. No response of SQS ends consumption."""

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
RESPONSE_TIMEOUT = 5  # in addition to the long poll's own wait
PROBE_TIMEOUT = 2.5  # a probe asks without a wait; if it hangs, the worker must still recover within 5 s


class ReceiveFailed(dict[str, Any]):
    """An empty response to ReceiveMessage, with the reason.

    ``sqs_away`` is true if SQS did not answer, and false if it rejected the request (a missing queue, a denied key).
    """

    def __init__(self, reason: str, *, sqs_away: bool) -> None:
        super().__init__()
        self.reason = reason
        self.sqs_away = sqs_away


class TimelyCurlClient(CurlClient):  # type: ignore[misc]
    """Fixes kombu: it takes curl's milliseconds for seconds, so curl's timers fire a thousand times too late."""

    def _set_timeout(self, msecs: int) -> None:
        if msecs >= 0:  # -1 is curl's "no timer"
            super()._set_timeout(msecs / 1000)


class TimedConnection(AsyncHTTPSConnection):  # type: ignore[misc]
    """Fixes kombu: its curl client ignores request_timeout, so a hanging endpoint stops it forever."""

    def __init__(self, http_client: Any, response_timeout: float) -> None:
        super().__init__(http_client=http_client)
        self._response_timeout = response_timeout

    def Request(self, *args: Any, **options: Any) -> Request:
        return Request(*args, on_prepare=self._set_timeouts, **options)

    def _set_timeouts(self, curl: Any) -> None:
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, int(min(CONNECT_TIMEOUT, self._response_timeout) * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, int(self._response_timeout * 1000))
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TCP_NODELAY, 1)
        curl.setopt(pycurl.TCP_KEEPALIVE, 1)


class PollConnection(AsyncSQSConnection):  # type: ignore[misc]
    """kombu's connection for ReceiveMessage. ``probing`` tells whether a queue's last poll failed."""

    def __init__(self, *args: Any, probing: Callable[[str], bool], **options: Any) -> None:
        super().__init__(*args, **options)
        self._probing = probing
        self._response_timeout: float = RESPONSE_TIMEOUT

    def receive_message(self, queue: str, queue_url: str, *args: Any, wait_time_seconds: int, **options: Any) -> Any:
        """Poll. While a queue's polls fail, ask without a wait and give up soon (see PROBE_TIMEOUT)."""
        probing = self._probing(queue)
        wait = 0 if probing else wait_time_seconds
        self._response_timeout = PROBE_TIMEOUT if probing else wait + RESPONSE_TIMEOUT
        return super().receive_message(queue, queue_url, *args, wait_time_seconds=wait, **options)

    def get_http_connection(self) -> TimedConnection:
        return TimedConnection(self._httpclient, self._response_timeout)

    def _on_list_ready(self, parent: Any, markers: Any, operation: str, response: Any) -> Any:
        """Fixes kombu: a 4xx raises through the event loop and ends the worker. A 5xx, or a refused or reset
        connection, returns ``[]``; kombu's channel calls ``.get`` on it and never polls again.
        """
        try:
            answer = super()._on_list_ready(parent, markers, operation, response)
        except Exception as exc:
            return ReceiveFailed(_rejection(exc), sqs_away=False)
        if isinstance(answer, dict):
            return answer
        return ReceiveFailed(f"HTTP {response.status} {_reason(response)}".strip(), sqs_away=True)


def _reason(response: Any) -> str:
    error = response.response.error
    return str(error) if error else ""


def _rejection(exc: Exception) -> str:
    return str(exc)[:300]
