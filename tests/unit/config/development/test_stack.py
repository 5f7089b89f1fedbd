"""Which services a stack starts, its ports, and the environment of its processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.development import stack as stacks
from config.env import BadEnvironment


def test_by_default_the_stack_starts_every_service(tmp_path: Path) -> None:
    stack = stacks.from_environment({"DATA_DIR": str(tmp_path)})

    assert stack.data == tmp_path
    assert [variable for variable, _, _ in stack.ports()] == ["WEB_PORT", "SQS_EMULATOR_PORT", "SANDBOX_PORT"]
    assert {host for _, host, _ in stack.ports()} == {"127.0.0.1"}


def test_an_external_service_is_not_started() -> None:
    external = dict.fromkeys(stacks.STAND_IN_VARIABLES, "https://provider.example.com")
    stack = stacks.from_environment({**external, "SQS_ENDPOINT_URL": "http://127.0.0.1:4566"})

    assert [variable for variable, _, _ in stack.ports()] == ["WEB_PORT"]


def test_the_sandbox_is_started_unless_all_providers_are_external() -> None:
    assert stacks.from_environment({"STRIPE_API_BASE": "https://api.stripe.com"}).own_providers


@pytest.mark.parametrize("off", ["0", "false", " No "])
def test_it_refuses_to_start_without_debug(off: str) -> None:
    with pytest.raises(BadEnvironment, match="DJANGO_DEBUG is off"):
        stacks.from_environment({"DJANGO_DEBUG": off})


def test_processes_get_the_database_url_and_log_info_lines() -> None:
    stack = stacks.from_environment({})
    variables = stack.variables({"PATH": "/bin", "LOG_LEVEL": "ERROR"}, database_url="postgresql://database")

    assert variables["DATABASE_URL"] == "postgresql://database"
    assert variables["LOG_LEVEL"] == "INFO"
    assert variables["PATH"].endswith("/bin")


def test_the_sandbox_signs_with_the_newer_of_two_secrets() -> None:
    stack = stacks.from_environment({"STRIPE_WEBHOOK_SECRET": "whsec_new,whsec_old", "WEB_PORT": "8001"})

    assert stack.sandbox_variables()["STRIPE_WEBHOOK_SECRET"] == "whsec_new"
    assert stack.sandbox_variables()["STRIPE_WEBHOOK_URL"] == "http://127.0.0.1:8001/webhooks/stripe/"


def test_a_web_process_on_all_interfaces_is_reached_on_loopback() -> None:
    assert stacks.from_environment({"WEB_HOST": "0.0.0.0"}).web_url == "http://127.0.0.1:8000"
