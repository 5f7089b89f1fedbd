"""The topology that Django's settings name, for callers that have Django."""

from __future__ import annotations

from integrations.sqs.topology import Topology


def topology() -> Topology:
    """``settings.SQS_TOPOLOGY``."""
    from django.conf import settings  # here, so that the rest of the package works without Django

    value = settings.SQS_TOPOLOGY
    assert isinstance(value, Topology), "settings.SQS_TOPOLOGY must be an integrations.sqs.topology.Topology"
    return value
