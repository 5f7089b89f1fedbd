"""One development stack: its folder, its ports, the services that it starts itself, and its environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config import env as environment
from config.development.clock import CLOCK_FILE
from config.env import Env
from integrations.stripe.event_types import HANDLED_EVENTS

ROOT = Path(__file__).resolve().parents[2]
OFF = ("0", "false", "no", "off")
WILDCARD_HOSTS = ("", "0.0.0.0", "::")
STAND_IN_VARIABLES = ("STRIPE_API_BASE", "BREVO_API_BASE", "DIXA_API_BASE")


def data_folder(environ: Mapping[str, str] | None = None) -> Path:
    """The folder for all data of a stack: ``DATA_DIR``, by default ``.data`` in the project folder."""
    environ = os.environ if environ is None else environ
    return Path(environ.get("DATA_DIR", "").strip() or ROOT / ".data").resolve()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The stack starts a service itself if the variable that names an external one is unset."""

    env: Env
    data: Path
    web_host: str
    own_sqs: bool
    own_providers: bool

    @property
    def own_database(self) -> bool:
        return self.env.database_url is None

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def web_url(self) -> str:
        host = "127.0.0.1" if self.web_host in WILDCARD_HOSTS else self.web_host
        return f"http://{host}:{self.env.web_port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.env.sandbox_port}"

    def ports(self) -> list[tuple[str, str, int]]:
        """Every port that this stack listens on, as (variable, host, port)."""
        ports = [("WEB_PORT", self.web_host, self.env.web_port)]
        if self.own_sqs:
            ports.append(("SQS_EMULATOR_PORT", "127.0.0.1", self.env.sqs_emulator_port))
        if self.own_providers:
            ports.append(("SANDBOX_PORT", "127.0.0.1", self.env.sandbox_port))
        return ports

    def variables(self, environ: Mapping[str, str], *, database_url: str) -> dict[str, str]:
        """The environment of the processes: the caller's, plus the variables that this stack sets."""
        scripts = str(Path(sys.executable).parent)
        return {
            **environ,
            "PATH": os.pathsep.join([scripts, environ.get("PATH", os.defpath)]),
            "PYTHONUNBUFFERED": "1",
            "STRIPE_WEBHOOK_SECRET": ",".join(self.env.stripe_webhook_secrets),
            "BREVO_WEBHOOK_TOKEN": self.env.brevo_webhook_token,
            # The launcher recognizes by INFO lines that a worker is ready.
            "LOG_LEVEL": "DEBUG" if self.env.log_level == "DEBUG" else "INFO",
            **self.own_variables(database_url=database_url),
        }

    def own_variables(self, *, database_url: str) -> dict[str, str]:
        """The facts that another process needs to work with this stack."""
        return {
            "DJANGO_DEBUG": "1",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATA_DIR": str(self.data),
            "DATABASE_URL": database_url,
            "WEB_HOST": self.web_host,
            "WEB_PORT": str(self.env.web_port),
            "SQS_EMULATOR_PORT": str(self.env.sqs_emulator_port),
            "SANDBOX_PORT": str(self.env.sandbox_port),
            # Only a stack that starts both itself can move their clocks.
            **({CLOCK_FILE: str(self.data / "clock")} if self.own_database and self.own_providers else {}),
        }

    def sandbox_variables(self) -> dict[str, str]:
        """More variables for the sandbox: the credentials that it expects, and the webhook endpoints."""
        return {
            "STRIPE_API_KEY": self.env.stripe_api_key,
            "STRIPE_PUBLISHABLE_KEY": self.env.stripe_publishable_key,
            "STRIPE_WEBHOOK_SECRET": self.env.stripe_webhook_secrets[0],
            "STRIPE_WEBHOOK_URL": f"{self.web_url}/webhooks/stripe/",
            "STRIPE_WEBHOOK_EVENTS": ",".join(sorted(HANDLED_EVENTS)),
            "BREVO_API_KEY": self.env.brevo_api_key,
            "BREVO_WEBHOOK_URL": f"{self.web_url}/webhooks/brevo/",
            "DIXA_API_TOKEN": self.env.dixa_api_token,
        }


def from_environment(environ: Mapping[str, str]) -> Stack:
    """The stack that these variables describe. Raises ``config.env.BadEnvironment``."""
    if environ.get("DJANGO_DEBUG", "").strip().lower() in OFF:
        raise environment.BadEnvironment("DJANGO_DEBUG is off; this is for development: leave it unset or set it to 1.")
    environ = {**environ, "DJANGO_DEBUG": "1"}
    env = environment.read(environ)
    return Stack(
        env=env,
        data=data_folder(environ),
        web_host=environ.get("WEB_HOST", "").strip() or "127.0.0.1",
        own_sqs=not environ.get("SQS_ENDPOINT_URL", "").strip(),
        own_providers=not all(environ.get(name, "").strip() for name in STAND_IN_VARIABLES),
    )
