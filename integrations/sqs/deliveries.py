"""One delivery of a message: SQS's data about it, and the planned acknowledgment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# The key in the kombu message's delivery_info, which both Celery's request and our channel see.
_KEY = "sqs_delivery"


@dataclass(slots=True)
class Delivery:
    """One receipt of one message. ``visible_in`` (seconds) overrides the step of the retry ladder.

    ``dead``: no further attempt will help; the message only waits for the redrive policy to move it.
    """

    message_id: str
    receive_count: int
    visible_in: int | None = None
    dead: bool = False

    @classmethod
    def from_sqs(cls, sqs_message: dict[str, Any]) -> Delivery:
        count = sqs_message.get("Attributes", {}).get("ApproximateReceiveCount", 1)
        return cls(message_id=sqs_message.get("MessageId", ""), receive_count=max(int(count), 1))

    @classmethod
    def of(cls, message: Any) -> Delivery:
        """The delivery of a kombu message. A message from another channel counts as received once."""
        found = (message.delivery_info or {}).get(_KEY)
        return found if isinstance(found, Delivery) else cls(message_id="", receive_count=1)

    def attach(self, delivery_info: dict[str, Any]) -> None:
        delivery_info[_KEY] = self
