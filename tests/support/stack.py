"""The whole shop as real processes: emulator, sandbox, web, relay and workers, against one test database."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
from django.conf import settings
from django.db.models.functions import Now

from integrations.stripe.event_types import HANDLED_EVENTS
from tests.support.databases import database_url
from tests.support.processes import Process, free_port, port_answers, python, wait_for
from tests.support.sandboxes import SandboxControl

ALL_QUEUES = "AccountQueue,EmailsQueue,OrdersQueue,ChargesQueue,SmsQueue,BrevoQueue,DixaQueue"
LADDER = "1,2,3"


class Emulator:
    """The SQS emulator on a port of its own; it can go away and come back with what it held."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: Process | None = None
        self.start()

    def start(self) -> None:
        arguments = ["--port", str(self.port), "--data", str(self.directory / "sqs.json")]
        self.process = Process(
            python("-m", "integrations.sandbox.sqs_api", *arguments),
            environ=os.environ,
            log=self.directory / "emulator.log",
        )
        wait_for(lambda: port_answers(self.port), what="the SQS emulator answers")

    def stop(self) -> None:
        if self.process:
            self.process.stop()


class Sandbox(SandboxControl):
    """The stand-in for Stripe, Brevo and Dixa, and its own records of what it was asked and what it did."""

    def __init__(self, directory: Path, *, web_port: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=10)
        environ = {
            **os.environ,
            "STRIPE_API_KEY": settings.STRIPE_API_KEY,
            "STRIPE_WEBHOOK_SECRET": settings.STRIPE_WEBHOOK_SECRETS[0],
            "BREVO_API_KEY": settings.BREVO_API_KEY,
            "BREVO_WEBHOOK_TOKEN": settings.BREVO_WEBHOOK_TOKEN,
            "DIXA_API_TOKEN": settings.DIXA_API_TOKEN,
            "STRIPE_WEBHOOK_URL": f"http://127.0.0.1:{web_port}/webhooks/stripe/",
            "STRIPE_WEBHOOK_EVENTS": ",".join(sorted(HANDLED_EVENTS)),
            "BREVO_WEBHOOK_URL": f"http://127.0.0.1:{web_port}/webhooks/brevo/",
        }
        self.process = Process(
            python(
                "-m", "integrations.sandbox", "--port", str(self.port), "--data", str(directory / "sandbox.sqlite3")
            ),
            environ=environ,
            log=directory / "sandbox.log",
        )
        wait_for(lambda: port_answers(self.port), what="the sandbox answers")

    def stop(self) -> None:
        self.http.close()
        self.process.stop()


class Stack:
    """Everything that runs, and what a test asks of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.web_port = free_port()
        self.emulator = Emulator(directory)
        self.sandbox = Sandbox(directory, web_port=self.web_port)
        self.topology = dataclasses.replace(settings.SQS_TOPOLOGY, endpoint_url=self.emulator.url)
        self.environ = {
            **os.environ,
            "DJANGO_DEBUG": "1",
            "DATABASE_URL": database_url(),
            "SQS_ENDPOINT_URL": self.emulator.url,
            "SQS_WAIT_SECONDS": "1",
            "RETRY_LADDER": LADDER,
            "VISIBILITY_TIMEOUT": "50",  # as short as the providers' time-outs allow: killed workers are waited for
            "STRIPE_API_BASE": f"{self.sandbox.url}/stripe",
            "BREVO_API_BASE": f"{self.sandbox.url}/brevo/v3",
            "DIXA_API_BASE": f"{self.sandbox.url}/dixa/v1",
            "CHECKOUT_RATE_LIMIT": "100000/min",
        }
        self.processes: dict[str, Process] = {}
        self._queue_urls: dict[str, str] = {}
        self.run("provision_queues", python("manage.py", "provision_queues")).popen.wait(60)
        self.web = self.run(
            "web",
            python("-m", "gunicorn", "config.wsgi", "-b", f"127.0.0.1:{self.web_port}", "-w", "1", "--threads", "8"),
        )
        self.relay = self.run("relay", python("manage.py", "relay_outbox"))
        self.worker = self.run_worker("worker")
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.web_port}", timeout=20)
        wait_for(lambda: port_answers(self.web_port), what="the web process answers")
        self.sqs = boto3.client(
            "sqs",
            region_name="eu-west-1",
            endpoint_url=self.emulator.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def run(self, name: str, arguments: Sequence[str], **variables: str) -> Process:
        process = Process(arguments, environ={**self.environ, **variables}, log=self.directory / f"{name}.log")
        self.processes[name] = process
        return process

    def run_worker(self, name: str, *, queues: str = ALL_QUEUES, concurrency: int = 4) -> Process:
        flags = ["--pool=prefork", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning"]
        return self.run(
            name,
            python("-m", "celery", "-A", "config", "worker", "-Q", queues, "-c", str(concurrency), "-n", name, *flags),
        )

    def queue_url(self, name: str) -> str:
        if name not in self._queue_urls:
            self._queue_urls[name] = str(self.sqs.get_queue_url(QueueName=name)["QueueUrl"])
        return self._queue_urls[name]

    def messages(self, name: str) -> int:
        """How many messages the queue holds, waiting or in flight."""
        counts = self.sqs.get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=["All"])["Attributes"]
        return sum(int(counts[f"ApproximateNumberOfMessages{kind}"]) for kind in ("", "NotVisible", "Delayed"))

    def idle(self) -> bool:
        """Nothing waits anywhere: what of the outbox is due is sent, and the queues are empty."""
        from integrations.outbox.models import OutboxMessage

        if OutboxMessage.objects.filter(sent_at=None, not_before__lte=Now()).exists():
            return False
        return all(self.messages(name) == 0 for name in ALL_QUEUES.split(","))

    def wait_until_idle(self, *, seconds: float = 60.0) -> None:
        wait_for(self.idle, seconds=seconds, every=0.3, what="every message is worked off")

    def purge(self) -> None:
        for name in ALL_QUEUES.split(","):
            for queue in (name, f"{name}-dlq"):
                self.sqs.purge_queue(QueueUrl=self.queue_url(queue))

    def stop(self) -> None:
        self.http.close()
        for process in reversed(self.processes.values()):
            process.stop()
        self.sandbox.stop()
        self.emulator.stop()


def buy(stack: Stack, number: int = 0, **changes: Any) -> Any:
    """Place a checkout over HTTP as a shop front end does. Returns the order."""
    data = {
        "plan": "magazine-monthly",
        "payment_method": "pm_card_visa",
        "customer": {
            "email": f"reader{number}@example.com",
            "name": f"Reader {number}",
            "phone": f"+49151123{number:05d}",
            "sms_consent": True,
            "marketing_consent": True,
        },
        **changes,
    }
    response = stack.http.post("/api/v1/checkout/", json=data, headers={"Idempotency-Key": str(uuid4())})
    assert response.status_code == 201, response.text
    return response.json()["order"]
