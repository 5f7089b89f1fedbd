from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, _state
from moto import mock_aws
from moto.sqs import models

from integrations.sandbox.sqs_api.queues import patch_moto
from integrations.sqs import client, tasks
from integrations.sqs.topology import Queue, Topology

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
