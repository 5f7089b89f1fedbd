"""Brevo's URLs, API key, rate limits and responses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from integrations.sandbox.brevo_api import blocklist, contacts, emails, sms
from integrations.sandbox.brevo_api.errors import BrevoError, error_code, invalid
from integrations.sandbox.faults import RequestFaults
from integrations.sandbox.responses import json_response

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Reply = tuple[int, Any]
Endpoint = Callable[..., Reply]


def handle(sandbox: Sandbox, path: str, request: Request, faults: RequestFaults) -> Response:
    """Answer one request to Brevo's API."""
    headers: dict[str, str] = {}
    try:
        _authenticate(sandbox, request)
        if path.startswith("/v3/contacts"):
            headers = _limit_contacts(sandbox)
        endpoint, arguments = _route(path, request)
        sandbox.wait_for_latency(faults)
        with sandbox.store.savepoint():
            status, body = endpoint(sandbox, request, **arguments)
    except BrevoError as error:
        status, body = error.status, {"code": error.code, "message": str(error)}
        headers = getattr(error, "headers", headers)
    response = Response(status=204) if status == 204 else json_response(body, status)
    response.headers.extend(headers)
    return response


def _authenticate(sandbox: Sandbox, request: Request) -> None:
    key = request.headers.get("api-key", "")
    if not key:
        raise BrevoError("authentication not found in headers", status=401)
    if sandbox.config.brevo_api_key and key != sandbox.config.brevo_api_key:
        raise BrevoError("Key not found", status=401)


def _limit_contacts(sandbox: Sandbox) -> dict[str, str]:
    bucket = sandbox.brevo_contacts
    allowed, left, wait = bucket.take()
    if bucket.per_second is None:
        return {}
    headers = {
        "x-sib-ratelimit-limit": f"{bucket.burst:g}",
        "x-sib-ratelimit-remaining": str(left),
        "x-sib-ratelimit-reset": str(max(1, math.ceil(wait))),
    }
    if not allowed:
        error = BrevoError("Too many requests", status=429)
        error.headers = headers  # type: ignore[attr-defined]
        raise error
    return headers


def _route(path: str, request: Request) -> Any:
    try:
        return URLS.bind("sandbox").match(path, method=request.method)
    except MethodNotAllowed as error:
        raise BrevoError("Method not allowed", status=405) from error
    except HTTPException as error:
        raise BrevoError("Resource not found", status=404, code="document_not_found") from error


def _json(request: Request) -> dict[str, Any]:
    document = request.get_json(silent=True, force=True)
    if not isinstance(document, dict):
        raise BrevoError("Invalid JSON body", code="bad_request")
    return document


def _send_email(sandbox: Sandbox, request: Request) -> Reply:
    return emails.send(sandbox, _json(request))


def _delete_log(sandbox: Sandbox, _: Request, identifier: str) -> Reply:
    return emails.delete_log(sandbox, identifier)


def _send_sms(sandbox: Sandbox, request: Request) -> Reply:
    return sms.send(sandbox, _json(request))


def _send_sms_and_wait(sandbox: Sandbox, request: Request) -> Reply:
    return sms.send_and_wait(sandbox, _json(request))


def _create_contact(sandbox: Sandbox, request: Request) -> Reply:
    return contacts.create(sandbox, _json(request))


def _paging(request: Request) -> dict[str, int]:
    given = {"limit": request.args.get("limit", "50"), "offset": request.args.get("offset", "0")}
    if not all(value.isdecimal() and len(value) < 10 for value in given.values()):
        raise invalid("limit and offset should be integers")
    return {"limit": min(int(given["limit"]), 1000), "offset": int(given["offset"])}


def _list_contacts(sandbox: Sandbox, request: Request) -> Reply:
    return contacts.listing(sandbox, **_paging(request))


def _list_blocked(sandbox: Sandbox, request: Request) -> Reply:
    return blocklist.listing(sandbox, **_paging(request))


def _unblock(sandbox: Sandbox, _: Request, address: str) -> Reply:
    return blocklist.remove(sandbox, address)


def _retrieve_contact(sandbox: Sandbox, request: Request, identifier: str) -> Reply:
    return contacts.retrieve(sandbox, identifier, request.args.get("identifierType"))


def _update_contact(sandbox: Sandbox, request: Request, identifier: str) -> Reply:
    return contacts.update(sandbox, identifier, request.args.get("identifierType"), _json(request))


def _delete_contact(sandbox: Sandbox, request: Request, identifier: str) -> Reply:
    return contacts.delete(sandbox, identifier, request.args.get("identifierType"))


def _attributes(sandbox: Sandbox, _: Request) -> Reply:
    names = contacts.known_attributes(sandbox)
    return 200, {"attributes": [{"name": name, "category": "normal"} for name in names]}


def _create_attribute(sandbox: Sandbox, _: Request, name: str) -> Reply:
    if name.upper() in contacts.known_attributes(sandbox):
        raise invalid("Attribute name must be unique")
    extra = sandbox.store.setting("brevo.attributes") or []
    sandbox.store.set_setting("brevo.attributes", [*extra, name.upper()])
    return 201, None


def _account(*_: object) -> Reply:
    return 200, {"email": "sandbox@example.com", "companyName": "Sandbox", "plan": []}


URLS = Map(
    [
        Rule("/v3/smtp/email", methods=["POST"], endpoint=_send_email),
        Rule("/v3/smtp/log/<identifier>", methods=["DELETE"], endpoint=_delete_log),
        Rule("/v3/smtp/blockedContacts", methods=["GET"], endpoint=_list_blocked),
        Rule("/v3/smtp/blockedContacts/<address>", methods=["DELETE"], endpoint=_unblock),
        Rule("/v3/transactionalSMS/send", methods=["POST"], endpoint=_send_sms),
        Rule("/v3/transactionalSMS/sms", methods=["POST"], endpoint=_send_sms_and_wait),
        Rule("/v3/contacts", methods=["POST"], endpoint=_create_contact),
        Rule("/v3/contacts", methods=["GET"], endpoint=_list_contacts),
        Rule("/v3/contacts/attributes", methods=["GET"], endpoint=_attributes),
        Rule("/v3/contacts/attributes/normal/<name>", methods=["POST"], endpoint=_create_attribute),
        Rule("/v3/contacts/<identifier>", methods=["GET"], endpoint=_retrieve_contact),
        Rule("/v3/contacts/<identifier>", methods=["PUT"], endpoint=_update_contact),
        Rule("/v3/contacts/<identifier>", methods=["DELETE"], endpoint=_delete_contact),
        Rule("/v3/account", methods=["GET"], endpoint=_account),
    ]
)

__all__ = ["error_code", "handle"]
