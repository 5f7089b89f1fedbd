from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

import kombu
import pytest
from celery import Celery, _state
from kombu.asynchronous import set_event_loop
from moto import mock_aws
from moto.sqs import models

from integrations.sandbox.sqs_api.queues import patch_moto
from integrations.sqs import client, tasks, transport
from integrations.sqs.topology import CHARGES, Queue, Topology
from tests.support.sqs import FakeHub, FakeSqs

QUEUE = Queue("ChargesQueue", "payments", 60, 30, 40, 1)


@pytest.fixture
def queue() -> Queue:
    return QUEUE


@pytest.fixture
def topology() -> Topology:
    return Topology(prefix="unit-", ladder=(1, 2, 3), provider_timeouts=10, queues=(QUEUE,))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, Queue]:
    """An empty task registry and a Celery app without tasks, for this test only."""
    empty: dict[str, Queue] = {}
    app = Celery("unit", set_as_current=False)
    monkeypatch.setattr(tasks, "_registry", empty)
    monkeypatch.setattr(_state, "_on_app_finalizers", set())
    monkeypatch.setattr(_state, "_get_active_apps", lambda: [app])
    monkeypatch.setattr(_state, "get_current_app", lambda: app)
    return empty


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch, topology: Topology) -> Iterator[Any]:
    """The emulator's queues in this process, and the client that the code under test uses."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for owner, name in [
        (models, "Queue"),
        (models.Message, "__new__"),
        *((models.SQSBackend, name) for name in ("receive_message", "change_message_visibility", "purge_queue")),
    ]:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    with mock_aws():
        patch_moto()
        client._client.cache_clear()
        client._queue_url.cache_clear()
        yield client.client(topology)
    client._client.cache_clear()
    client._queue_url.cache_clear()


@pytest.fixture
def boto() -> FakeSqs:
    return FakeSqs()


@pytest.fixture
def channel(boto: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> Any:
    hub = FakeHub()
    set_event_loop(hub)
    monkeypatch.setattr(transport.SQS.Channel, "new_sqs_client", lambda *_, **__: boto)
    options = {"topology": Topology(), "region": "us-east-1", "polling_interval": 0.05, "wait_time_seconds": 7}
    connection = kombu.Connection("sqs://", transport=transport.Transport, transport_options=options)
    channel = connection.channel()
    channel.delivered = []
    channel.basic_qos(0, 2, False)
    channel.basic_consume("Q", no_ack=False, callback=channel.delivered.append, consumer_tag="c")
    hub.soon.clear()
    yield channel
    boto.fails = None
    connection.release()
    hub.close()
    set_event_loop(None)


@pytest.fixture
def take(registry: Any) -> Any:
    """A task with every type of argument. It returns its arguments."""
    got: dict[str, Any] = {}

    @tasks.task(name="unit.take", queue=CHARGES)
    def take(
        *, key: UUID, count: int = 0, text: str = "", flag: bool = False, at: datetime | None = None,
        day: date | None = None, **_: object,
    ) -> None:  # fmt: skip
        got.update(key=key, count=count, text=text, flag=flag, at=at, day=day)

    take.got = got
    return take
