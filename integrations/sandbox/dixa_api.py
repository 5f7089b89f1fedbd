"""Dixa's API v1 as far as a customer record sync uses it: end users, custom attributes, anonymization.

Dixa has no idempotency keys, no DELETE, and no error codes. Its public limits: 10 requests a second, burst 4.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from integrations.sandbox.faults import Plan
from integrations.sandbox.replies import json_reply
from integrations.sandbox.store import UnknownCursor

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Document = dict[str, Any]
Act = Callable[["Sandbox", Document], Document]
KIND, REQUEST_KIND = "dixa.enduser", "dixa.anonymization"
FIELDS = ("displayName", "email", "phoneNumber", "additionalEmails", "additionalPhoneNumbers", "firstName",
          "lastName", "middleNames", "avatarUrl", "externalId")  # fmt: skip
LISTS = ("additionalEmails", "additionalPhoneNumbers", "middleNames")
FILTERS = {"email": "email", "phone": "phoneNumber", "externalId": "externalId"}
CUSTOM_ATTRIBUTES: list[Document] = [
    {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
        "entityType": "Contact",
        "identifier": name,
        "label": name.replace("_", " ").capitalize(),
        "isRequired": False,
        "isArchived": False,
        "isDeactivated": False,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-01-01T00:00:00.000Z",
        "inputDefinition": {"_type": "Text"},
    }
    for name in ("plan", "subscription_status", "customer_since", "lifetime_value", "last_order")
]


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def handle(sandbox: Sandbox, path: str, request: Request, plan: Plan) -> Response:
    """Answer one request to Dixa's API."""
    try:
        token = request.headers.get("Authorization", "")
        if not token or (sandbox.config.dixa_api_token and token != sandbox.config.dixa_api_token):
            raise Refused(401, "Unauthorized")
        allowed, _, _ = sandbox.dixa_calls.take()
        if not allowed:
            raise Refused(429, "Too many requests")
        endpoint, arguments = _route(path, request)
        sandbox.linger(plan)
        with sandbox.store.savepoint():
            status, body = endpoint(sandbox, request, **arguments)
    except Refused as error:
        status, body = error.status, {"message": str(error)}
    return json_reply(body, status)


def _route(path: str, request: Request) -> Any:
    try:
        return URLS.bind("sandbox").match(path, method=request.method)
    except MethodNotAllowed as error:
        raise Refused(405, "HTTP method not allowed") from error
    except HTTPException as error:
        raise Refused(404, "The requested resource could not be found.") from error


def find(sandbox: Sandbox, request: Request) -> tuple[int, Document]:
    given = [name for name in FILTERS if name in request.args]
    if len(given) > 1 or set(request.args) - set(FILTERS) - {"pageLimit", "pageKey"}:
        raise Refused(400, "Only one of the query parameters email, phone, externalId can be used at a time")
    if given:
        users = sandbox.store.find(KIND, FILTERS[given[0]], _normal(FILTERS[given[0]], request.args[given[0]]))
        return 200, {"data": [_listed(user) for user in users], "meta": {"next": None}}
    after = request.args.get("pageKey")
    wanted = request.args.get("pageLimit", "50")
    if not wanted.isdecimal() or not 1 <= int(wanted[:9]) <= 1000:
        raise Refused(400, "Validation failure: pageLimit is out of range")
    limit = int(wanted)
    try:
        users, more = sandbox.store.page(KIND, limit=limit, after=after)
    except UnknownCursor as error:
        raise Refused(400, "Validation failure: pageKey is invalid") from error
    following = f"/v1/endusers?pageLimit={limit}&pageKey={users[-1]['id']}" if more else None
    return 200, {"data": [_listed(user) for user in users], "meta": {"next": following}}


def retrieve(sandbox: Sandbox, _: Request, id: str) -> tuple[int, Document]:
    return 200, {"data": _get(sandbox, id)}


def create(sandbox: Sandbox, request: Request) -> tuple[int, Document]:
    return 201, {"data": _create(sandbox, _fields(_json(request)))}


def replace(sandbox: Sandbox, request: Request, id: str) -> tuple[int, Document]:
    user, wanted = _get(sandbox, id), _fields(_json(request))
    return 200, {"data": _replace(sandbox, user, wanted)}


def patch(sandbox: Sandbox, request: Request, id: str) -> tuple[int, Document]:
    user, wanted = _get(sandbox, id), _fields(_json(request))
    return 200, {"data": _save(sandbox, user | wanted)}


def bulk_create(sandbox: Sandbox, request: Request) -> tuple[int, Document]:
    def make(sandbox: Sandbox, item: Document) -> Document:
        return _create(sandbox, _fields(item))

    return 201, {"data": [_each(sandbox, item, make) for item in _items(request)]}


def bulk_replace(sandbox: Sandbox, request: Request) -> tuple[int, Document]:
    return 200, {"data": [_each(sandbox, item, _by_id(_replace)) for item in _items(request)]}


def bulk_patch(sandbox: Sandbox, request: Request) -> tuple[int, Document]:
    def change(sandbox: Sandbox, user: Document, wanted: Document) -> Document:
        return _save(sandbox, user | wanted)

    return 200, {"data": [_each(sandbox, item, _by_id(change)) for item in _items(request)]}


def custom_attributes(*_: object) -> tuple[int, Document]:
    return 200, {"data": CUSTOM_ATTRIBUTES}


def set_custom_attributes(sandbox: Sandbox, request: Request, id: str) -> tuple[int, Document]:
    user, wanted = _get(sandbox, id), _json(request)
    known = {attribute["id"]: attribute for attribute in CUSTOM_ATTRIBUTES}
    held = {attribute["id"]: attribute for attribute in user["customAttributes"]}
    for key, value in wanted.items():
        if key not in known:
            raise Refused(400, f"Validation failure: unknown custom attribute {key}")
        if value is not None and not isinstance(value, str | list):
            raise Refused(400, f"Validation failure: value of custom attribute {key} must be a string or a list")
        held[key] = {
            "id": key,
            "name": known[key]["label"],
            "identifier": known[key]["identifier"],
            "value": value,
        }
        if value is None:
            del held[key]
    user["customAttributes"] = list(held.values())
    _store(sandbox, user)
    return 200, {"data": user["customAttributes"]}


def anonymize(sandbox: Sandbox, _: Request, id: str) -> tuple[int, Document]:
    user = _get(sandbox, id)
    if user["displayName"] == "Anonymized":
        raise Refused(409, "End user is already being anonymized")
    asked = {
        "id": str(uuid.uuid4()),
        "_type": "EndUserAnonymizationRequest",
        "initiatedAt": _now(sandbox),
        "targetEntityId": id,
        "requestedBy": str(uuid.uuid5(uuid.NAMESPACE_URL, "sandbox")),
        "processedAt": None,
    }
    sandbox.store.put(REQUEST_KIND, asked, created=sandbox.clock(), refs={})
    blank = _blank() | {"id": id, "createdAt": user["createdAt"], "displayName": "Anonymized"}
    _store(sandbox, blank)
    return 202, {"data": asked}


def anonymization(sandbox: Sandbox, _: Request, id: str) -> tuple[int, Document]:
    """The first poll finds the work in progress. From the second poll on it is done."""
    asked = sandbox.store.get(REQUEST_KIND, id)
    if asked is None:
        raise Refused(404, "Anonymization request not found")
    answer = {key: value for key, value in asked.items() if key != "polls"}
    if asked["processedAt"] is None:
        asked["polls"] = asked.get("polls", 0) + 1
        asked["processedAt"] = _now(sandbox)
        sandbox.store.put(REQUEST_KIND, asked, created=sandbox.clock(), refs={})
    return 200, {"data": answer}


def _create(sandbox: Sandbox, wanted: Document) -> Document:
    return _save(sandbox, _blank() | wanted | {"id": str(uuid.uuid4()), "createdAt": _now(sandbox)})


def _replace(sandbox: Sandbox, user: Document, wanted: Document) -> Document:
    if not wanted.get("displayName"):
        raise Refused(400, "Validation failure: displayName is required")
    kept = {name: user[name] for name in ("id", "createdAt", "customAttributes")}
    return _save(sandbox, _blank() | wanted | kept)


def _save(sandbox: Sandbox, user: Document) -> Document:
    """Store a user unless the e-mail address or the phone belongs to another user. Raises 400."""
    for name, label in (("email", "EmailExists"), ("phoneNumber", "PhoneNumberExists")):
        if not user[name]:
            continue
        others = sandbox.store.find(KIND, name, _normal(name, user[name]))
        if any(other["id"] != user["id"] for other in others):
            raise Refused(400, f"Validation failure: {label}: another end user already exists with this {name}")
    return _store(sandbox, user)


def _store(sandbox: Sandbox, user: Document) -> Document:
    refs = {name: _normal(name, user[name]) if user[name] else None for name in FILTERS.values()}
    sandbox.store.put(KIND, user, created=sandbox.clock(), refs=refs)
    return user


def _each(sandbox: Sandbox, item: Document, act: Act) -> Document:
    """One item of a bulk call. Its failure does not affect the other items."""
    try:
        with sandbox.store.savepoint():
            return {"_type": "BulkActionSuccess", "data": act(sandbox, item)}
    except Refused as error:
        return {
            "_type": "BulkActionFailure",
            "error": {"id": item.get("id"), "message": str(error), "_type": "BadRequest"},
        }


def _by_id(act: Callable[[Sandbox, Document, Document], Document]) -> Act:
    def run(sandbox: Sandbox, item: Document) -> Document:
        user = _get(sandbox, str(item.get("id")))
        wanted = _fields({name: value for name, value in item.items() if name != "id"})
        changed: Document = act(sandbox, user, wanted)
        return changed

    return run


def _items(request: Request) -> list[Document]:
    items = _json(request).get("data")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Refused(400, "Validation failure: data must be a list of objects")
    return items


def _get(sandbox: Sandbox, id: str) -> Document:
    user = sandbox.store.get(KIND, id)
    if user is None:
        raise Refused(404, f"End user with id {id} not found")
    return user


def _json(request: Request) -> Document:
    document = request.get_json(silent=True, force=True)
    if not isinstance(document, dict):
        raise Refused(400, "Malformed request: body must be a JSON object")
    return document


def _fields(document: Document) -> Document:
    unknown = set(document) - set(FIELDS)
    if unknown:
        raise Refused(400, f"Validation failure: unknown field {sorted(unknown)[0]}")
    for name, value in document.items():
        wanted: type = list if name in LISTS else str
        if value is not None and not isinstance(value, wanted):
            raise Refused(400, f"Validation failure: {name} has a wrong type")
    if document.get("email") and "@" not in document["email"]:
        raise Refused(400, "Validation failure: email is not a valid e-mail address")
    phone = document.get("phoneNumber")
    if phone and not (phone.startswith("+") and phone[1:].isdigit() and 6 <= len(phone) <= 16):
        raise Refused(400, "Validation failure: phoneNumber is not a valid phone number")
    return document


def _blank() -> Document:
    return {name: [] if name in LISTS else None for name in FIELDS} | {"customAttributes": []}


def _listed(user: Document) -> Document:
    """Lists do not contain custom attributes."""
    return {name: value for name, value in user.items() if name != "customAttributes"}


def _normal(name: str, value: str) -> str:
    return value.lower() if name == "email" else value.replace(" ", "")


def _now(sandbox: Sandbox) -> str:
    return datetime.fromtimestamp(sandbox.clock(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


URLS = Map(
    [
        Rule("/v1/endusers", methods=["GET"], endpoint=find),
        Rule("/v1/endusers", methods=["POST"], endpoint=create),
        Rule("/v1/endusers", methods=["PUT"], endpoint=bulk_replace),
        Rule("/v1/endusers", methods=["PATCH"], endpoint=bulk_patch),
        Rule("/v1/endusers/bulk", methods=["POST"], endpoint=bulk_create),
        Rule("/v1/endusers/<id>", methods=["GET"], endpoint=retrieve),
        Rule("/v1/endusers/<id>", methods=["PUT"], endpoint=replace),
        Rule("/v1/endusers/<id>", methods=["PATCH"], endpoint=patch),
        Rule("/v1/endusers/<id>/custom-attributes", methods=["PATCH"], endpoint=set_custom_attributes),
        Rule("/v1/endusers/<id>/anonymize", methods=["PATCH"], endpoint=anonymize),
        Rule("/v1/custom-attributes", methods=["GET"], endpoint=custom_attributes),
        Rule("/v1/anonymization/request/<id>", methods=["GET"], endpoint=anonymization),
    ]
)
