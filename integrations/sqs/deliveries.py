"""What SQS told us about a message it delivered, and what we mean to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Where it travels: in the delivery_info of the kombu message, which Celery's request and our channel both see.
_KEY = "sqs_delivery"


@dataclass(slots=True)
class Delivery:
    """One receipt of one message. ``visible_in`` (seconds) is set by whoever knows better than the ladder.

    ``dead`` says that no further try will help: the message only waits for the redrive policy to take it.
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
        """The delivery of a kombu message; a first receipt if it did not come through our channel."""
        found = (message.delivery_info or {}).get(_KEY)
        return found if isinstance(found, Delivery) else cls(message_id="", receive_count=1)

    def attach(self, delivery_info: dict[str, Any]) -> None:
        delivery_info[_KEY] = self
