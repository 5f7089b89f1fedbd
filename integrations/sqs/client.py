"""The boto3 client for all calls except a worker's own: short timeouts, no hidden retries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from integrations.errors import TransientError
from integrations.sqs.topology import Topology

CONNECT_TIMEOUT = 2
READ_TIMEOUT = 5


class SqsUnavailable(TransientError):
    """SQS did not answer, or answered with an error. The request may still have had its effect."""


def client(topology: Topology) -> Any:
    """This process's SQS client. Threads may share it."""
    return _client(topology.region, topology.endpoint_url, os.getpid())


@lru_cache(maxsize=8)
def _client(region: str, endpoint_url: str | None, pid: int) -> Any:
    del pid  # a forked child must not share its parent's sockets
    return boto3.session.Session().client(
        "sqs", region_name=region, endpoint_url=endpoint_url, config=client_config(CONNECT_TIMEOUT, READ_TIMEOUT)
    )


def client_config(connect_timeout: float, read_timeout: float) -> Config:
    return Config(
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"total_max_attempts": 1, "mode": "standard"},
    )


@contextmanager
def unavailable_when_away() -> Iterator[None]:
    """Raise ``SqsUnavailable`` for every error of SQS or of the connection to it."""
    try:
        yield
    except (ClientError, BotoCoreError) as exc:
        raise SqsUnavailable(f"SQS: {exc}") from exc


def error_code(exc: ClientError) -> str:
    """The error's short name, without the prefix of SQS's query protocol."""
    return str(exc.response.get("Error", {}).get("Code", "")).rsplit(".", 1)[-1]


def is_missing_queue(exc: ClientError) -> bool:
    return error_code(exc) in {"QueueDoesNotExist", "NonExistentQueue"}


def queue_url(topology: Topology, physical_name: str) -> str:
    """The queue's URL; each process asks once. Raises ClientError if the queue does not exist."""
    return _queue_url(topology.region, topology.endpoint_url, os.getpid(), physical_name)


@lru_cache(maxsize=256)
def _queue_url(region: str, endpoint_url: str | None, pid: int, physical_name: str) -> str:
    url: str = _client(region, endpoint_url, pid).get_queue_url(QueueName=physical_name)["QueueUrl"]
    return url
