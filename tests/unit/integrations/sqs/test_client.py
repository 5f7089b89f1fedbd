"""The SQS client of the relay and the commands: it gives up early, hides no retry, and is not shared across a fork."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from integrations.errors import TransientError
from integrations.sqs import client as clients
from integrations.sqs.client import SqsUnavailable, error_code, is_missing_queue, queue_url, unavailable_when_away
from integrations.sqs.topology import Topology
from tests.support.endpoints import silent_endpoint
from tests.support.processes import free_port


def test_an_sqs_that_is_not_there_is_unavailable_at_once(sqs: Any, topology: Topology) -> None:
    began = time.monotonic()
    away = Topology(endpoint_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SqsUnavailable) as caught, unavailable_when_away():
        clients.client(away).list_queues()
    assert isinstance(caught.value, TransientError)
    assert time.monotonic() - began < 3


def test_a_silent_sqs_is_given_up_after_the_time_out_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(clients, "READ_TIMEOUT", 0.2)
    clients._client.cache_clear()
    with silent_endpoint() as (url, connections):
        began = time.monotonic()
        with pytest.raises(SqsUnavailable), unavailable_when_away():
            clients.client(Topology(endpoint_url=url)).list_queues()
        assert 0.2 <= time.monotonic() - began < 3
        assert len(connections) == 1
    clients._client.cache_clear()


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(KeyError), unavailable_when_away():
        raise KeyError("a bug")


def test_a_process_has_one_client_and_a_forked_one_another(
    sqs: Any, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = clients.client(topology)
    assert clients.client(topology) is first
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert clients.client(topology) is not first


def test_the_url_of_a_queue_is_asked_for_once(sqs: Any, topology: Topology) -> None:
    with pytest.raises(ClientError) as caught:
        queue_url(topology, "unit-ChargesQueue")
    assert is_missing_queue(caught.value)
    created = sqs.create_queue(QueueName="unit-ChargesQueue")["QueueUrl"]
    assert queue_url(topology, "unit-ChargesQueue") == created
    sqs.delete_queue(QueueUrl=created)
    assert queue_url(topology, "unit-ChargesQueue") == created, "from the cache"


@pytest.mark.parametrize(
    ("code", "name", "missing"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", "NonExistentQueue", True),
        ("QueueDoesNotExist", "QueueDoesNotExist", True),
        ("AccessDenied", "AccessDenied", False),
        (None, "", False),
    ],
)
def test_error_codes_of_both_protocols(code: str | None, name: str, missing: bool) -> None:
    response: Any = {"Error": {"Code": code}} if code else {}
    error = ClientError(response, "GetQueueUrl")
    assert (error_code(error), is_missing_queue(error)) == (name, missing)


def test_a_request_is_sent_once() -> None:
    config = clients.client_config(1, 2)
    assert isinstance(config, Config)
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries["total_max_attempts"] == 1
