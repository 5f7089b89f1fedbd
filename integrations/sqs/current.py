"""The topology of Django's settings."""

from __future__ import annotations

from integrations.sqs.topology import Topology


def topology() -> Topology:
    """``settings.SQS_TOPOLOGY``."""
    from django.conf import settings  # imported here, so that the rest of the package works without Django

    value = settings.SQS_TOPOLOGY
    assert isinstance(value, Topology), "settings.SQS_TOPOLOGY must be an integrations.sqs.topology.Topology"
    return value
