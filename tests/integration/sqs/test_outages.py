"""SQS fails for 30 seconds in five ways, while workers are idle or busy. The same processes consume again within 5 s.

All outages run at once, one worker and one proxy each, so that the module takes little longer than one outage.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

pytestmark = [pytest.mark.xdist_group("sqs_outages"), pytest.mark.timeout(150)]

OUTAGE = 30.0
CONSUMES_WITHIN = 5.0
FAULTS = ("refuse", "reset", "503", "hang", "missing")


@dataclass
class Case:
    fault: str
    busy: bool
    shop: Any
    proxy: Any
    worker: Any
    back: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    parents: set[int] = field(default_factory=set)
    ended: int | None = None
    ended_after: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.fault}-{'busy' if self.busy else 'idle'}"

    def begin(self) -> None:
        self.proxy.calls.clear()
        if self.fault == "missing":
            self.shop.emulator.sqs.delete_queue(QueueUrl=self.shop.url)
        else:
            self.proxy.fail(self.fault)

    def end(self) -> None:
        self.calls = Counter(self.proxy.calls)
        if self.fault == "missing":
            self.shop.provision()
        else:
            self.proxy.fail(None)
        self.back = time.time()
        self.shop.send("tests.record", key="probe")


@pytest.fixture(scope="module")
def cases(open_shop: Any, start_proxy: Any, eventually: Any) -> dict[str, Case]:
    """All cases, after an outage each, and after a SIGTERM during a second outage."""
    made = [_start(open_shop, start_proxy, fault, busy) for fault in FAULTS for busy in (False, True)]
    for case in made:
        case.shop.wait_until_ready()
        case.parents = {note["parent"] for note in case.shop.notes()}
    _occupy(made, eventually)
    with ThreadPoolExecutor(len(made)) as together:
        list(together.map(Case.begin, made))
        time.sleep(OUTAGE)
        list(together.map(Case.end, made))
    eventually(lambda: all(case.shop.runs("probe") for case in made), within=25, what="a run on every queue")
    eventually(lambda: all(case.shop.is_empty() for case in made), within=15, what="every message answered")
    _end_in_the_middle(made, eventually)
    return {case.name: case for case in made}


def _start(open_shop: Any, start_proxy: Any, fault: str, busy: bool) -> Case:
    proxy = start_proxy()
    shop = open_shop(endpoint=proxy.url, limits=(120, 40, 50))
    return Case(fault, busy, shop, proxy, shop.start_worker(concurrency=1))


def _occupy(made: list[Case], eventually: Any) -> None:
    for case in made:
        if case.busy:
            case.shop.send("tests.sleep", key="during", milliseconds=3000)
    eventually(lambda: all(c.shop.runs("during") for c in made if c.busy), within=10, what="busy workers")
    for case in made:
        if case.busy and case.fault != "missing":
            case.shop.send("tests.record", key="waiting")


def _end_in_the_middle(made: list[Case], eventually: Any) -> None:
    for case in made:
        if case.busy:
            case.shop.send("tests.sleep", key="last", milliseconds=2000)
    eventually(lambda: all(c.shop.runs("last") for c in made if c.busy), within=10, what="busy workers")
    for case in made:
        case.begin()
    eventually(lambda: all(_has_noticed(case) for case in made), within=15, what="failing polls")
    began = time.monotonic()
    for case in made:
        case.worker.send_signal(signal.SIGTERM)
    for case in made:
        case.ended = case.worker.wait(timeout=30)
        case.ended_after = time.monotonic() - began


def _has_noticed(case: Case) -> bool:
    return case.busy or case.shop.log_text().count("polls back off") >= 2


NAMES = [f"{fault}-{state}" for fault in FAULTS for state in ("idle", "busy")]


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    return cases[request.param]


def test_the_same_process_consumes_again_within_seconds(case: Case) -> None:
    after = [note for note in case.shop.notes() if note["at"] >= case.back]
    assert after[0]["at"] - case.back <= CONSUMES_WITHIN, after[0]["at"] - case.back
    assert {note["parent"] for note in case.shop.notes()} == case.parents


# No endpoint counts the polls while connections are refused.
@pytest.mark.parametrize("case", [name for name in NAMES if not name.startswith("refuse")], indirect=True)
def test_polls_back_off_during_the_outage(case: Case) -> None:
    assert 3 <= case.calls["ReceiveMessage"] <= 25, case.calls


@pytest.mark.parametrize("case", [name for name in NAMES if name.endswith("busy")], indirect=True)
def test_a_task_that_ran_during_the_outage_is_acknowledged_later_and_runs_once(case: Case) -> None:
    assert len(case.shop.runs("during", step="ended")) == 1
    assert len(case.shop.runs("waiting")) == (0 if case.fault == "missing" else 1)


def test_sigterm_during_the_outage_ends_the_worker_cleanly(case: Case) -> None:
    assert case.ended == 0, case.shop.log_text()
    assert case.ended_after <= 12
    if case.busy:
        assert case.shop.runs("last", step="ended"), "the running task finishes"


def test_the_log_holds_no_unexpected_line(case: Case) -> None:
    assert "Traceback" not in case.shop.log_text()
    assert "Restoring" not in case.shop.log_text() or not case.busy


def test_a_worker_that_starts_during_an_outage_waits_for_sqs(open_shop: Any, start_proxy: Any, eventually: Any) -> None:
    proxy = start_proxy()
    proxy.fail("503")
    shop = open_shop(endpoint=proxy.url)
    waiting, unwilling = shop.start_worker(concurrency=1), shop.start_worker(concurrency=1)
    eventually(lambda: shop.log_text().count("waits for SQS") == 2, within=15, what="both waiting")
    os.kill(unwilling.pid, signal.SIGTERM)
    assert unwilling.wait(timeout=5) == 0
    proxy.fail(None)
    shop.wait_until_ready()
    assert waiting.poll() is None
