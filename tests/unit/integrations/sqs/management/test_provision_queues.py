from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from integrations.sqs.topology import Topology


def test_the_command_reports_its_changes_and_checks(sqs: Any, topology: Topology, settings: Any) -> None:
    settings.SQS_TOPOLOGY = topology
    with pytest.raises(CommandError, match="2 of 2"):
        call_command("provision_queues", "--check", stdout=StringIO())
    out = StringIO()
    call_command("provision_queues", stdout=out)
    assert out.getvalue().splitlines() == [
        "unit-ChargesQueue: missing; created",
        "unit-ChargesQueue-dlq: missing; created",
    ]
    call_command("provision_queues", "--check", stdout=(out := StringIO()))
    assert out.getvalue().splitlines() == ["unit-ChargesQueue: in order", "unit-ChargesQueue-dlq: in order"]
