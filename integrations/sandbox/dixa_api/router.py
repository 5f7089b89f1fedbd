"""Dixa's URLs, API token, rate limit and responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from integrations.sandbox.dixa_api import anonymization, bulk, custom_attributes, endusers
from integrations.sandbox.dixa_api.endusers import Document
from integrations.sandbox.dixa_api.errors import DixaError
from integrations.sandbox.faults import RequestFaults
from integrations.sandbox.responses import json_response

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Reply = tuple[int, Document]


def handle(sandbox: Sandbox, path: str, request: Request, faults: RequestFaults) -> Response:
    """Answer one request to Dixa's API."""
    try:
        token = request.headers.get("Authorization", "")
        if not token or (sandbox.config.dixa_api_token and token != sandbox.config.dixa_api_token):
            raise DixaError(401, "Unauthorized")
        allowed, _, _ = sandbox.dixa_calls.take()
        if not allowed:
            raise DixaError(429, "Too many requests")
        endpoint, arguments = _route(path, request)
        sandbox.wait_for_latency(faults)
        with sandbox.store.savepoint():
            status, body = endpoint(sandbox, request, **arguments)
    except DixaError as error:
        status, body = error.status, {"message": str(error)}
    return json_response(body, status)


def _route(path: str, request: Request) -> Any:
    try:
        return URLS.bind("sandbox").match(path, method=request.method)
    except MethodNotAllowed as error:
        raise DixaError(405, "HTTP method not allowed") from error
    except HTTPException as error:
        raise DixaError(404, "The requested resource could not be found.") from error


def _json(request: Request) -> Document:
    document = request.get_json(silent=True, force=True)
    if not isinstance(document, dict):
        raise DixaError(400, "Malformed request: body must be a JSON object")
    return document


def _items(request: Request) -> list[Document]:
    items = _json(request).get("data")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DixaError(400, "Validation failure: data must be a list of objects")
    return items


def _find(sandbox: Sandbox, request: Request) -> Reply:
    return 200, endusers.find(sandbox, request.args)


def _retrieve(sandbox: Sandbox, _: Request, id: str) -> Reply:
    return 200, {"data": endusers.get(sandbox, id)}


def _create(sandbox: Sandbox, request: Request) -> Reply:
    return 201, {"data": endusers.create(sandbox, _json(request))}


def _replace(sandbox: Sandbox, request: Request, id: str) -> Reply:
    return 200, {"data": endusers.replace(sandbox, id, _json(request))}


def _patch(sandbox: Sandbox, request: Request, id: str) -> Reply:
    return 200, {"data": endusers.patch(sandbox, id, _json(request))}


def _bulk_create(sandbox: Sandbox, request: Request) -> Reply:
    return 201, {"data": bulk.create(sandbox, _items(request))}


def _bulk_replace(sandbox: Sandbox, request: Request) -> Reply:
    return 200, {"data": bulk.replace(sandbox, _items(request))}


def _bulk_patch(sandbox: Sandbox, request: Request) -> Reply:
    return 200, {"data": bulk.patch(sandbox, _items(request))}


def _custom_attributes(*_: object) -> Reply:
    return 200, {"data": custom_attributes.CUSTOM_ATTRIBUTES}


def _set_custom_attributes(sandbox: Sandbox, request: Request, id: str) -> Reply:
    return 200, {"data": custom_attributes.write(sandbox, id, _json(request))}


def _anonymize(sandbox: Sandbox, request: Request, id: str) -> Reply:
    force = request.args.get("force", "false")
    if force not in ("true", "false"):
        raise DixaError(400, "Validation failure: force must be true or false")
    return 202, {"data": anonymization.start(sandbox, id, force=force == "true")}


def _anonymization_status(sandbox: Sandbox, _: Request, id: str) -> Reply:
    return 200, {"data": anonymization.status(sandbox, id)}


URLS = Map(
    [
        Rule("/v1/endusers", methods=["GET"], endpoint=_find),
        Rule("/v1/endusers", methods=["POST"], endpoint=_create),
        Rule("/v1/endusers", methods=["PUT"], endpoint=_bulk_replace),
        Rule("/v1/endusers", methods=["PATCH"], endpoint=_bulk_patch),
        Rule("/v1/endusers/bulk", methods=["POST"], endpoint=_bulk_create),
        Rule("/v1/endusers/<id>", methods=["GET"], endpoint=_retrieve),
        Rule("/v1/endusers/<id>", methods=["PUT"], endpoint=_replace),
        Rule("/v1/endusers/<id>", methods=["PATCH"], endpoint=_patch),
        Rule("/v1/endusers/<id>/custom-attributes", methods=["PATCH"], endpoint=_set_custom_attributes),
        Rule("/v1/endusers/<id>/anonymize", methods=["PATCH"], endpoint=_anonymize),
        Rule("/v1/custom-attributes", methods=["GET"], endpoint=_custom_attributes),
        Rule("/v1/anonymization/request/<id>", methods=["GET"], endpoint=_anonymization_status),
    ]
)
