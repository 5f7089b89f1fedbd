"""The seven queues: names, time limits, retries, concurrency.

Celery's settings, provisioning, routing, the start-up checks and the tests of the Procfile and the docs read them here.
This module uses neither the environment nor Django nor Celery.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

DAY = 24 * 60 * 60
SOURCE_RETENTION = 4 * DAY
DEAD_LETTER_RETENTION = 14 * DAY  # counted from the first send, so it must be days longer than SOURCE_RETENTION
DEAD_LETTER_VISIBILITY = 30  # seconds for which a dead letter is hidden after it is received

DEFAULT_LADDER = (60, 300, 1500)
MAX_RECEIVE_COUNT = len(DEFAULT_LADDER) + 1

# Seconds that all provider calls of one task may take together. The gateways' time-outs must add up to less.
PROVIDER_TIMEOUTS = 45.0

MAX_VISIBILITY_SECONDS = 12 * 60 * 60
# The maximum visibility timeout counts from the receipt; 15 minutes are left for the task itself.
MAX_COUNTDOWN = MAX_VISIBILITY_SECONDS - 15 * 60

DEAD_LETTER_SUFFIX = "-dlq"


@dataclass(frozen=True, slots=True)
class Queue:
    """One logical queue. All times are in seconds."""

    name: str
    domain: str
    visibility_timeout: int
    soft_time_limit: int
    hard_time_limit: int
    concurrency: int

    @property
    def dead_letter_name(self) -> str:
        return f"{self.name}{DEAD_LETTER_SUFFIX}"


ACCOUNT = Queue("AccountQueue", "user management", 120, 60, 90, 2)
EMAILS = Queue("EmailsQueue", "communications", 120, 60, 90, 4)
ORDERS = Queue("OrdersQueue", "order processing", 120, 60, 90, 4)
CHARGES = Queue("ChargesQueue", "payments", 180, 90, 120, 4)
SMS = Queue("SmsQueue", "communications", 120, 60, 90, 2)
BREVO = Queue("BrevoQueue", "marketing", 120, 60, 90, 2)
DIXA = Queue("DixaQueue", "customer support", 120, 60, 90, 2)

QUEUES = (ACCOUNT, EMAILS, ORDERS, CHARGES, SMS, BREVO, DIXA)


class InvalidTopology(ValueError):
    """The queues cannot be configured like this. The text names the environment variable, if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The queues of one environment. Times are in seconds.

    ``visibility_timeout`` replaces the value of every queue; the time limits shrink to fit below it. ``endpoint_url``
    is set for an emulator only. ``wait_time_seconds`` is the long poll of SQS (1 to 20). ``provider_timeouts`` limits
    all provider calls of one task together.
    """

    prefix: str = ""
    ladder: tuple[int, ...] = DEFAULT_LADDER
    visibility_timeout: int | None = None
    region: str = "us-east-1"
    endpoint_url: str | None = None
    wait_time_seconds: int = 20
    polling_interval: float = 0.05
    provider_timeouts: float = PROVIDER_TIMEOUTS
    fair_queues: bool = True
    queues: tuple[Queue, ...] = QUEUES

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,50}", self.prefix):
            raise InvalidTopology(
                f"SQS_QUEUE_PREFIX is {self.prefix!r}; up to 50 letters, digits, hyphens and underscores."
            )
        if not self.ladder or any(not 0 < step <= MAX_COUNTDOWN for step in self.ladder):
            steps = ",".join(map(str, self.ladder))
            raise InvalidTopology(f"RETRY_LADDER is {steps!r}; each step is 1 to {MAX_COUNTDOWN} seconds.")
        # Both time limits must fit below it, one second apart.
        if self.visibility_timeout is not None and not 3 <= self.visibility_timeout <= MAX_VISIBILITY_SECONDS:
            raise InvalidTopology(
                f"VISIBILITY_TIMEOUT is {self.visibility_timeout}; write 3 to {MAX_VISIBILITY_SECONDS} seconds."
            )
        if not 1 <= self.wait_time_seconds <= 20:
            raise InvalidTopology(f"SQS_WAIT_SECONDS is {self.wait_time_seconds}; it must be from 1 to 20.")
        if self.polling_interval <= 0:
            raise InvalidTopology("polling_interval: must be more than 0, or an idle worker spins")

    @property
    def max_receive_count(self) -> int:
        """The first attempt and one retry per step of the ladder."""
        return len(self.ladder) + 1

    def physical_name(self, queue: Queue) -> str:
        return f"{self.prefix}{queue.name}"

    def dead_letter_physical_name(self, queue: Queue) -> str:
        return f"{self.prefix}{queue.dead_letter_name}"

    def physical_names(self) -> Iterator[str]:
        """The names of all SQS queues of this environment, sources first."""
        yield from map(self.physical_name, self.queues)
        yield from map(self.dead_letter_physical_name, self.queues)

    def visibility_timeout_of(self, queue: Queue) -> int:
        return self.visibility_timeout or queue.visibility_timeout

    def max_life_of(self, queue: Queue) -> int:
        """The seconds after which a sent message has been processed or is a dead letter.

        It adds up the steps of the ladder and, in case each worker is killed, one visibility timeout per receive. The
        wait for a free worker is not included.
        """
        return sum(self.ladder) + self.max_receive_count * self.visibility_timeout_of(queue)

    def hard_time_limit_of(self, queue: Queue) -> int:
        return min(queue.hard_time_limit, self.visibility_timeout_of(queue) - 1)

    def soft_time_limit_of(self, queue: Queue) -> int:
        return min(queue.soft_time_limit, self.hard_time_limit_of(queue) - 1)

    def source_attributes(self, queue: Queue, *, dead_letter_arn: str) -> dict[str, str]:
        """The attributes of the queue that workers receive from."""
        return {
            "VisibilityTimeout": str(self.visibility_timeout_of(queue)),
            "MessageRetentionPeriod": str(SOURCE_RETENTION),
            "ReceiveMessageWaitTimeSeconds": str(self.wait_time_seconds),
            "DelaySeconds": "0",
            "RedrivePolicy": json.dumps(
                {"deadLetterTargetArn": dead_letter_arn, "maxReceiveCount": self.max_receive_count}
            ),
        }

    def dead_letter_attributes(self, *, source_arn: str | None) -> dict[str, str]:
        """The attributes of a dead-letter queue. Once its source exists, only the source may send to it."""
        attributes = {
            "VisibilityTimeout": str(DEAD_LETTER_VISIBILITY),
            "MessageRetentionPeriod": str(DEAD_LETTER_RETENTION),
            "DelaySeconds": "0",
            "RedrivePolicy": "",  # none: dead letters stay here, however often they are received
        }
        if source_arn:
            attributes["RedriveAllowPolicy"] = json.dumps(
                {"redrivePermission": "byQueue", "sourceQueueArns": [source_arn]}
            )
        return attributes
