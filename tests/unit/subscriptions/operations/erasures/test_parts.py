from __future__ import annotations

import pytest
from django.apps import apps

from integrations.outbox.events import consumers_of
from subscriptions.events import ErasureBegun
from subscriptions.operations.erasures import parts


def test_each_app_has_a_part() -> None:
    assert set(parts.steps()) == {
        "account", "orders", "cards", "stripe", "messages", "dixa", "brevo_contact", "brevo_log",
    }  # fmt: skip
    assert apps.is_installed("notifications")


def test_the_task_of_each_step_consumes_the_beginning_and_no_other_task_does() -> None:
    assert sorted(step.task for step in parts.steps().values()) == sorted(consumers_of(ErasureBegun))


def test_a_part_is_registered_once() -> None:
    with pytest.raises(parts.DuplicatePart):
        parts.register("orders", parts.Part())
