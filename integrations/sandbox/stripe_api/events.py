"""Events: what happened, retrievable for 30 days."""

from __future__ import annotations

from integrations.sandbox.stripe_api.call import Call, Document
from integrations.sandbox.stripe_api.errors import StripeError
from integrations.sandbox.stripe_api.forms import PAGING, Form, boolean, moment, required_text, strings

LIST = Form({**PAGING, "created": moment, "type": required_text, "types": strings, "delivery_success": boolean})
RETENTION_SECONDS = 30 * 86_400
MAX_TYPES = 20


def retrieve(call: Call, id: str) -> Document:
    return call.get("event", id)


def listing(call: Call) -> Document:
    params = call.params
    if "type" in params and "types" in params:
        raise StripeError("You may only specify one of these parameters: type, types.", param="types")
    types = params.get("types") or ([params["type"]] if "type" in params else None)
    if types and len(types) > MAX_TYPES:
        raise StripeError(f"You may specify at most {MAX_TYPES} types.", param="types")
    oldest = call.now - RETENTION_SECONDS
    bounds = params.get("created", {})
    call.params = {**params, "created": {**bounds, "gte": max(bounds.get("gte", 0), oldest)}}
    return call.page("event", url="/v1/events", type=types)
