from __future__ import annotations

from typing import Any

import pytest

from integrations.sqs import current
from integrations.sqs.topology import Topology


def test_the_topology_is_the_one_of_the_settings_at_the_time_of_the_call(settings: Any) -> None:
    settings.SQS_TOPOLOGY = Topology(prefix="other-")
    assert current.topology() is settings.SQS_TOPOLOGY


def test_anything_else_in_the_settings_is_refused(settings: Any) -> None:
    settings.SQS_TOPOLOGY = {"prefix": "other-"}
    with pytest.raises(AssertionError, match="SQS_TOPOLOGY"):
        current.topology()
