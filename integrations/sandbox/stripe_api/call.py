"""One API call, and what its endpoint may do: load, save and list objects, and emit events."""

from __future__ import annotations

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.sandbox.store import UnknownCursor
from integrations.sandbox.stripe_api.errors import StripeError, missing_object

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

API_VERSION = "2026-10-28.endive"
ALPHABET = string.ascii_letters + string.digits
INTERNAL = "_sandbox"
"""The key of internal data of an object, which Stripe would not show."""

NOUNS = {
    "customer": "customer",
    "payment_method": "PaymentMethod",
    "payment_intent": "payment_intent",
    "setup_intent": "setupintent",
    "charge": "charge",
    "refund": "refund",
    "dispute": "dispute",
    "event": "event",
}
FILTERS = ("customer", "payment_intent", "charge")
EXPANDABLE = {
    "customer": "customer",
    "payment_method": "payment_method",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "charge": "charge",
}

Document = dict[str, Any]


def new_id(prefix: str) -> str:
    return f"{prefix}_{''.join(secrets.choice(ALPHABET) for _ in range(24))}"


@dataclass(slots=True, kw_only=True)
class Call:
    """One request, as an endpoint sees it."""

    sandbox: Sandbox
    params: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    idempotency_key: str | None = None

    @property
    def now(self) -> int:
        return int(self.sandbox.clock())

    def get(self, kind: str, id: str, *, param: str = "id") -> Document:
        """Load an object; raises 404 `resource_missing`."""
        document = self.sandbox.store.get(kind, id)
        if document is None:
            raise missing_object(NOUNS[kind], id, param=param)
        return document

    def save(self, document: Document) -> Document:
        refs = {name: document.get(name) for name in FILTERS}
        if document["object"] == "event":
            refs = {"type": document["type"]}
        if document["object"] == "customer":
            refs = {"email": document.get("email"), "living": "true"}
        self.sandbox.store.put(document["object"], document, created=document.get("created", self.now), refs=refs)
        return document

    def page(self, kind: str, *, url: str, **filters: str | Sequence[str] | None) -> Document:
        """A list response for the paging parameters of this call."""
        params = self.params
        try:
            documents, more = self.sandbox.store.page(
                kind,
                filters={name: wanted for name, wanted in filters.items() if wanted is not None},
                created=params.get("created"),
                limit=params.get("limit", 10),
                after=params.get("starting_after"),
                before=params.get("ending_before"),
            )
        except UnknownCursor as error:
            cursor = "starting_after" if "starting_after" in params else "ending_before"
            raise missing_object(NOUNS[kind], str(error), param=cursor) from error
        return {"object": "list", "url": url, "has_more": more, "data": documents}

    def emit(self, type: str, document: Document, *, previous: Mapping[str, Any] | None = None) -> None:
        """Record an event with the current state of the object, and queue its delivery."""
        data: Document = {"object": rendered(document)}
        if previous is not None:
            data["previous_attributes"] = dict(previous)
        event: Document = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1 if self.sandbox.webhooks.urls["stripe"] else 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": type,
        }
        self.save(event)
        self.sandbox.webhooks.enqueue(provider="stripe", event_id=event["id"], event_type=type, payload=event)

    def expanded(self, document: Document) -> Document:
        """The response to the client: without internal data, and with the objects that `expand[]` names."""
        response: Document = rendered(document)
        for path in self.params.get("expand", []):
            parts = path.split(".")
            if response.get("object") == "list":
                if parts[0] != "data":
                    raise _cannot_expand(path)
                for item in response["data"]:
                    self._expand(item, parts[1:], path)
            else:
                self._expand(response, parts, path)
        return response

    def _expand(self, node: Document, parts: list[str], path: str) -> None:
        if not parts:
            return
        name, *rest = parts
        if name not in node or name not in EXPANDABLE:
            raise _cannot_expand(path)
        value = node[name]
        if isinstance(value, str):
            found = self.sandbox.store.get(EXPANDABLE[name], value)
            value = node[name] = rendered(found) if found else value
        if rest and isinstance(value, dict):
            self._expand(value, rest, path)


def rendered(value: Any) -> Any:
    """A copy without the internal data of the sandbox."""
    if isinstance(value, dict):
        return {key: rendered(item) for key, item in value.items() if key != INTERNAL}
    if isinstance(value, list):
        return [rendered(item) for item in value]
    return value


def _cannot_expand(path: str) -> StripeError:
    return StripeError(
        f"This property cannot be expanded ({path}). You may want to try expanding another property.",
        code="property_cannot_be_expanded" if "." in path else None,
    )
