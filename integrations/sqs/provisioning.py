"""Create missing queues and correct attributes that differ from the topology."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from integrations.sqs import client
from integrations.sqs.topology import Queue, Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDrift:
    """How one SQS queue differed from the topology. ``drift`` maps attributes to (found, wanted)."""

    name: str
    missing: bool
    drift: dict[str, tuple[str | None, str]]

    @property
    def in_order(self) -> bool:
        return not self.missing and not self.drift

    def __str__(self) -> str:
        if self.missing:
            return f"{self.name}: missing"
        if not self.drift:
            return f"{self.name}: in order"
        changes = (f"{name} {found or 'unset'} -> {wanted or 'unset'}" for name, (found, wanted) in self.drift.items())
        return f"{self.name}: {', '.join(changes)}"


def inspect(topology: Topology) -> Iterator[QueueDrift]:
    """Compare each queue with the topology and change nothing. Raises SqsUnavailable."""
    yield from _each(topology, change=False)


def provision(topology: Topology) -> Iterator[QueueDrift]:
    """Create and correct the queues, and report how each was found. Safe to repeat. Raises SqsUnavailable."""
    yield from _each(topology, change=True)


def _each(topology: Topology, *, change: bool) -> Iterator[QueueDrift]:
    for queue in topology.queues:
        with client.unavailable_when_away():
            drifts = list(_pair(topology, queue, change=change))
        yield from drifts


def _pair(topology: Topology, queue: Queue, *, change: bool) -> Iterator[QueueDrift]:
    sqs = client.client(topology)
    dead, source = topology.dead_letter_physical_name(queue), topology.physical_name(queue)
    # The source's policy names the dead-letter queue, whose policy names the source. Hence three steps.
    created = False
    if change:
        created = _ensure(sqs, dead, topology.dead_letter_attributes(source_arn=None))
    dead_arn = _arn(sqs, dead) or ""
    yield _correct(sqs, source, topology.source_attributes(queue, dead_letter_arn=dead_arn), change=change)
    drift = _correct(sqs, dead, topology.dead_letter_attributes(source_arn=_arn(sqs, source)), change=change)
    yield QueueDrift(name=dead, missing=True, drift={}) if created else drift


def _ensure(sqs: Any, name: str, attributes: dict[str, str]) -> bool:
    missing = _attributes(sqs, name) is None
    if missing:
        _create(sqs, name, attributes)
    return missing


def _create(sqs: Any, name: str, attributes: dict[str, str]) -> None:
    # An empty value removes an attribute from a queue; a new queue has none to remove.
    sqs.create_queue(QueueName=name, Attributes={name: value for name, value in attributes.items() if value})


def _correct(sqs: Any, name: str, wanted: dict[str, str], *, change: bool) -> QueueDrift:
    found = _attributes(sqs, name)
    if found is None:
        if change:
            _create(sqs, name, wanted)
        return QueueDrift(name=name, missing=True, drift={})
    drift = {
        attribute: (found.get(attribute), value)
        for attribute, value in wanted.items()
        if not _same(found.get(attribute), value)
    }
    if drift and change:
        sqs.set_queue_attributes(QueueUrl=_url(sqs, name), Attributes={name: wanted[name] for name in drift})
    return QueueDrift(name=name, missing=False, drift=drift)


def _same(found: str | None, wanted: str) -> bool:
    if not found or not wanted:
        return not found and not wanted
    try:
        return _plain(json.loads(found)) == _plain(json.loads(wanted))
    except ValueError:
        return found == wanted


def _plain(value: Any) -> Any:
    # SQS returns maxReceiveCount as a number or as text, depending on how it was set.
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else str(value)


def _attributes(sqs: Any, name: str) -> dict[str, str] | None:
    try:
        answer = sqs.get_queue_attributes(QueueUrl=_url(sqs, name), AttributeNames=["All"])
    except ClientError as exc:
        if client.is_missing_queue(exc):
            return None
        raise
    attributes: dict[str, str] = answer.get("Attributes", {})
    return attributes


def _url(sqs: Any, name: str) -> str:
    url: str = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    return url


def _arn(sqs: Any, name: str) -> str | None:
    attributes = _attributes(sqs, name)
    return attributes["QueueArn"] if attributes else None
