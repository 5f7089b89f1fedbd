"""Stripe's URLs, and the steps of one request: key, version, idempotency, execution, response."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from integrations.sandbox.config import LIVE_KEY_PREFIXES
from integrations.sandbox.faults import RequestFaults
from integrations.sandbox.responses import encoded_json_response
from integrations.sandbox.stripe_api import (
    charges,
    customers,
    disputes,
    events,
    forms,
    idempotency,
    payment_intents,
    payment_methods,
    publishable,
    refunds,
    setup_intents,
)
from integrations.sandbox.stripe_api.call import API_VERSION, Call, Document, new_id
from integrations.sandbox.stripe_api.errors import StripeError, injected_error
from integrations.sandbox.stripe_api.forms import Form

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

Endpoint = tuple[Callable[..., Document], Form]
NO_PARAMETERS = Form()
CRUD = ("create", "listing", "retrieve", "update")


def _resource(name: str, module: Any, *verbs: str, path: str = "id") -> list[tuple[str, str, Endpoint]]:
    """The routes of a resource, by the names of its functions."""
    root, one = f"/v1/{name}", f"/v1/{name}/<{path}>"
    usual = {
        "create": ("POST", root, "CREATE"),
        "listing": ("GET", root, "LIST"),
        "retrieve": ("GET", one, ""),
        "update": ("POST", one, "UPDATE"),
        "delete": ("DELETE", one, ""),
        "confirm": ("POST", f"{one}/confirm", "CONFIRM"),
        "cancel": ("POST", f"{one}/cancel", "CANCEL"),
        "attach": ("POST", f"{one}/attach", "ATTACH"),
        "detach": ("POST", f"{one}/detach", "DETACH"),
    }
    routes = []
    for verb in verbs:
        method, url, form = usual[verb]
        routes.append((method, url, (getattr(module, verb), getattr(module, form) if form else NO_PARAMETERS)))
    return routes


ROUTES: list[tuple[str, str, Endpoint]] = [
    *_resource("customers", customers, *CRUD, "delete"),
    (
        "GET",
        "/v1/customers/<id>/payment_methods",
        (payment_methods.listing_of_customer, payment_methods.LIST_OF_CUSTOMER),
    ),
    (
        "GET",
        "/v1/customers/<id>/payment_methods/<method_id>",
        (payment_methods.retrieve_of_customer, NO_PARAMETERS),
    ),
    *_resource("payment_methods", payment_methods, *CRUD, "attach", "detach"),
    *_resource("setup_intents", setup_intents, *CRUD, "confirm", "cancel"),
    *_resource("payment_intents", payment_intents, *CRUD, "confirm", "cancel"),
    *_resource("charges", charges, "listing", "retrieve"),
    *_resource("refunds", refunds, *CRUD),
    *_resource("disputes", disputes, "listing", "retrieve"),
    *_resource("events", events, "listing", "retrieve"),
]
ENDPOINTS = {f"{method} {url}": endpoint for method, url, endpoint in ROUTES}
URLS = Map([Rule(url, methods=[method], endpoint=f"{method} {url}") for method, url, _ in ROUTES])


@dataclass(frozen=True, slots=True)
class EncodedResponse:
    """A status and a body in JSON, as they are stored under an idempotency key."""

    status: int
    body: bytes


def handle(sandbox: Sandbox, path: str, request: Request, faults: RequestFaults) -> Response:
    """Answer one request to Stripe's API."""
    request_id = new_id("req")
    original: str | None = None
    replayed = False
    try:
        account = _authenticate(sandbox, request)
        _check_version(request)
        name, arguments = _route(path, request)
        endpoint, raw = ENDPOINTS[name], _parameters(request)
        if publishable.is_publishable(account):
            endpoint = publishable.redacted(endpoint)
            raw = publishable.checked_parameters(sandbox, name=name, id=arguments.get("id"), raw=raw)
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        call = Call(sandbox=sandbox, request_id=request_id, idempotency_key=key)
        if key:
            fingerprint = idempotency.fingerprint(request.method, path, raw)
            stored = idempotency.begin(sandbox, scope=account, key=key, fingerprint=fingerprint, request_id=request_id)
            original = stored.request_id if stored else request_id
            replayed = stored is not None
            encoded = (
                EncodedResponse(stored.status, stored.body)
                if stored
                else _execute_once(call, endpoint, arguments, raw, faults, account, key)
            )
        else:
            sandbox.wait_for_latency(faults)
            encoded, _ = _execute(call, endpoint, arguments, raw)
    except StripeError as error:
        encoded = _error_response(error)
    response = encoded_json_response(encoded.body, encoded.status)
    response.headers["Request-Id"] = request_id
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
    if original:
        response.headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
        response.headers["Original-Request"] = original
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _execute_once(
    call: Call, endpoint: Endpoint, arguments: Document, raw: Document, faults: RequestFaults, account: str, key: str
) -> EncodedResponse:
    """Execute once under the claimed key, and store the response if execution began."""
    try:
        call.sandbox.wait_for_latency(faults)
        with call.sandbox.store.transaction():
            response, began = _execute(call, endpoint, arguments, raw)
            if began:
                # An injected 500 means that Stripe failed after execution began, so Stripe stores the 500. 502 to 504
                # come from the front end; the true response is stored behind it.
                after = faults.after
                fails = after is not None and after.kind == "error_after_effect" and after.status == 500
                stored = EncodedResponse(500, _body({"error": injected_error(500)})) if fails else response
                idempotency.store_response(call.sandbox, scope=account, key=key, status=stored.status, body=stored.body)
            return response
    finally:
        idempotency.release(call.sandbox, scope=account, key=key)


def _execute(call: Call, endpoint: Endpoint, arguments: Document, raw: Document) -> tuple[EncodedResponse, bool]:
    """Run the endpoint in one transaction. The flag tells whether execution had begun when it ended."""
    operation, form = endpoint
    declined: StripeError | None = None
    try:
        with call.sandbox.store.savepoint():
            try:
                call.params = form.read(raw)
                body = _body(call.expanded(operation(call, **arguments)))
            except StripeError as error:
                if not error.began:
                    raise
                # The transaction commits: a decline leaves the intent, the charge and their events.
                declined = error
    except StripeError as error:
        return _error_response(error), False
    return (_error_response(declined) if declined else EncodedResponse(200, body)), True


def _error_response(error: StripeError) -> EncodedResponse:
    return EncodedResponse(error.status, _body({"error": error.error}))


def _body(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _parameters(request: Request) -> Document:
    pairs = list(request.args.items(multi=True))
    if request.method == "POST":
        pairs += list(request.form.items(multi=True))
    return forms.parse(pairs)


def _route(path: str, request: Request) -> tuple[str, Document]:
    try:
        name, arguments = URLS.bind("sandbox").match(path, method=request.method)
    except HTTPException as error:
        raise StripeError(
            f"Unrecognized request URL ({request.method}: {path}). Please see https://docs.stripe.com or "
            "we can help at https://support.stripe.com/.",
            status=404,
        ) from error
    return name, dict(arguments)


def _authenticate(sandbox: Sandbox, request: Request) -> str:
    """Return the API key, which identifies the account. Raises 401."""
    header = request.headers.get("Authorization", "")
    scheme, _, credential = header.partition(" ")
    key = credential.strip()
    if scheme == "Basic":
        try:
            key = base64.b64decode(credential).decode().partition(":")[0]
        except ValueError:
            key = ""
    key = key or _key_parameter(request)
    if not key:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if any(mark in key for mark in LIVE_KEY_PREFIXES):
        raise StripeError("This is a sandbox on loopback: it refuses live keys. Use a test key.", status=401)
    browser = publishable.is_publishable(key)
    expected = sandbox.config.stripe_publishable_key if browser else sandbox.config.stripe_api_key
    if (expected and key != expected) or not (browser or key.startswith(("sk_test_", "rk_test_"))):
        raise StripeError(f"Invalid API Key provided: {key[:8]}***{key[-4:]}", status=401)
    return key


def _key_parameter(request: Request) -> str:
    """Stripe.js sends its key as a parameter, because a header would cause a CORS preflight request."""
    key = request.values.get("key", "")
    return key if publishable.is_publishable(key) else ""


def _check_version(request: Request) -> None:
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise StripeError(f"Invalid Stripe API version: {version}. The sandbox supports {API_VERSION}.")
