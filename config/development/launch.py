"""The parts of a stack, and the preparations between their starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from config.development import postgres, procfile
from config.development.parts import Part, answering, answers, logged
from config.development.screen import Screen
from config.development.stack import ROOT, Stack

# The log lines that show that a process is ready. The launcher checks the web process over HTTP instead.
READY_LINES = {"relay": "relay started", "scheduler": "beat: Starting", "worker": " ready."}
WARM_UP_REQUESTS = 8


class UnableToPrepare(Exception):
    """A preparation between the starts of the parts failed."""


def stand_ins(stack: Stack, variables: Mapping[str, str]) -> list[Part]:
    """The stand-ins for SQS and the providers that this stack starts itself."""
    parts = []
    if stack.own_sqs:
        port = stack.env.sqs_emulator_port
        command = [
            "-m",
            "integrations.sandbox.sqs_api",
            "--port",
            str(port),
            "--data",
            str(stack.data / "sqs.json"),
        ]
        ready = logged(f"SQS emulator on http://127.0.0.1:{port}")
        parts.append(_own(stack, "SQS emulator", command, variables, ready, f"port {port}"))
    if stack.own_providers:
        port = stack.env.sandbox_port
        command = [
            "-m",
            "integrations.sandbox",
            "--port",
            str(port),
            "--data",
            str(stack.data / "sandbox.sqlite3"),
        ]
        ready = answering(f"{stack.sandbox_url}/sandbox/health")
        with_credentials = {**variables, **stack.sandbox_variables()}
        parts.append(_own(stack, "sandbox", command, with_credentials, ready, f"Stripe, Brevo and Dixa on port {port}"))
    return parts


def shop(stack: Stack, variables: Mapping[str, str]) -> list[Part]:
    """The processes of the Procfile."""
    parts = []
    for name, command in procfile.read(ROOT / "Procfile").items():
        web = name == "web"
        ready = answering(f"{stack.web_url}/readyz") if web else logged(READY_LINES[name.partition("-")[0]])
        parts.append(
            Part(
                name=name,
                arguments=procfile.shell_arguments(command),
                variables=variables,
                cwd=ROOT,
                log=_log(stack, name),
                ready=ready,
                note=stack.web_url if web else "",
            )
        )
    return parts


def start_database(stack: Stack, screen: Screen) -> str:
    """Start the embedded database, unless DATABASE_URL names another one. Return the URL."""
    if stack.env.database_url is not None:
        screen.done("PostgreSQL", note="external, see DATABASE_URL")
        return stack.env.database_url
    began = time.monotonic()
    screen.waiting("PostgreSQL")
    try:
        url = postgres.ensure_running(stack.data / "postgres")
    except (OSError, subprocess.SubprocessError) as error:
        raise UnableToPrepare(f"PostgreSQL does not start in {stack.data / 'postgres'}: {error}") from error
    screen.done("PostgreSQL", time.monotonic() - began)
    return url


def restart_database_if_ended(stack: Stack, screen: Screen) -> None:
    """Start the embedded database again if it ended. Raises ``UnableToPrepare``."""
    if stack.env.database_url is None and not postgres.runs(stack.data / "postgres"):
        screen.failed("PostgreSQL", "ended; starting it again")
        start_database(stack, screen)


def prepare(screen: Screen) -> None:
    """Migrate, create the queues, and add the first plans and staff. Raises ``UnableToPrepare`` if an external database
    or an external SQS does not answer."""
    import django
    from django.core.management import CommandError, call_command
    from django.db import OperationalError

    from config.development import seed

    began = time.monotonic()
    screen.waiting("migrations")
    django.setup()
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except OperationalError as error:
        reason = str(error).splitlines()[0]
        raise UnableToPrepare(f"The database does not answer; see DATABASE_URL. {reason}") from error
    screen.done("migrations", time.monotonic() - began)
    began = time.monotonic()
    try:
        with Path(os.devnull).open("w") as quiet:
            call_command("provision_queues", stdout=quiet)
    except CommandError as error:
        raise UnableToPrepare(f"SQS does not answer; see SQS_ENDPOINT_URL. {error}") from error
    screen.done("queues", time.monotonic() - began, "seven, each with its dead-letter queue")
    began = time.monotonic()
    screen.done("seed", time.monotonic() - began, seed.add_missing_rows())


def warm_up(stack: Stack) -> None:
    """Send requests until every web process has answered once, because the first answer of each process is slow."""
    for _ in range(WARM_UP_REQUESTS):
        answers(f"{stack.web_url}/api/v1/plans/")


def _own(stack: Stack, name: str, command: list[str], variables: Mapping[str, str], ready: object, note: str) -> Part:
    return Part(
        name=name,
        arguments=[sys.executable, *command],
        variables=variables,
        cwd=ROOT,
        log=_log(stack, name),
        ready=ready,  # type: ignore[arg-type]
        note=note,
        backstage=True,
    )


def _log(stack: Stack, name: str) -> Path:
    return stack.logs / f"{name.lower().replace(' ', '-')}.log"
