from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from integrations.sqs import polling
from tests.support.sqs import FakeHub


def _response(status: int, error: str = "") -> Any:
    return SimpleNamespace(status=status, reason=error, read=lambda: b"", response=SimpleNamespace(error=error))


@pytest.mark.parametrize(
    ("status", "away"), [(500, True), (503, True), (504, True), (599, True), (400, False), (403, False)]
)
def test_no_status_raises_into_the_event_loop(status: int, away: bool) -> None:
    connection = object.__new__(polling.PollConnection)
    connection.sqs_connection = SimpleNamespace(meta=SimpleNamespace(service_model=None))
    answer = connection._on_list_ready("Q", [], "ReceiveMessage", _response(status))
    assert isinstance(answer, polling.ReceiveFailed)
    assert answer.sqs_away is away
    assert not answer.get("Messages")


def test_the_poll_has_time_outs_and_probes_without_a_wait(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, Any]] = []

    def request(self: Any, operation: str, params: dict[str, Any], *_: Any, **__: Any) -> None:
        asked.append((params["WaitTimeSeconds"], _curl_options(self.get_http_connection())))

    monkeypatch.setattr(polling.PollConnection, "make_request", request)
    channel._schedule_queue("Q")
    channel._poll_failed("Q", polling.ReceiveFailed("503", sqs_away=True))
    channel._schedule_queue("Q")
    (wait, patient), (probe_wait, probe) = asked
    assert (wait, probe_wait) == (7, 0)
    assert (patient[polling.pycurl.CONNECTTIMEOUT_MS], patient[polling.pycurl.TIMEOUT_MS]) == (5000, 12_000)
    assert probe[polling.pycurl.TIMEOUT_MS] == 2500


def _curl_options(connection: Any) -> dict[int, int]:
    connection.path = "http://sqs/"
    options: dict[int, int] = {}
    connection.getrequest().on_prepare(SimpleNamespace(setopt=options.__setitem__))
    return options


def test_curls_timers_are_in_milliseconds() -> None:
    hub = FakeHub()
    client = polling.TimelyCurlClient(hub)
    hub.later.clear()
    client._set_timeout(250)
    client._set_timeout(-1)
    assert [delay for delay, *_ in hub.later] == [0.25]
    client.close()
    hub.close()
