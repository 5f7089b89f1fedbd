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

from integrations.sandbox.config import LIVE_KEY_MARKS
from integrations.sandbox.faults import Plan
from integrations.sandbox.replies import raw_json_reply
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
READ = Form()
USUAL = ("create", "listing", "retrieve", "update")


def _resource(name: str, module: Any, *verbs: str, path: str = "id") -> list[tuple[str, str, Endpoint]]:
    """The usual routes of a resource."""
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
        routes.append((method, url, (getattr(module, verb), getattr(module, form) if form else READ)))
    return routes


ROUTES: list[tuple[str, str, Endpoint]] = [
    *_resource("customers", customers, *USUAL, "delete"),
    (
        "GET",
        "/v1/customers/<id>/payment_methods",
        (payment_methods.listing_of_customer, payment_methods.LIST_OF_CUSTOMER),
    ),
    (
        "GET",
        "/v1/customers/<id>/payment_methods/<method_id>",
        (payment_methods.retrieve_of_customer, READ),
    ),
    *_resource("payment_methods", payment_methods, *USUAL, "attach", "detach"),
    *_resource("setup_intents", setup_intents, *USUAL, "confirm", "cancel"),
    *_resource("payment_intents", payment_intents, *USUAL, "confirm", "cancel"),
    *_resource("charges", charges, "listing", "retrieve"),
    *_resource("refunds", refunds, *USUAL),
    *_resource("disputes", disputes, "listing", "retrieve"),
    *_resource("events", events, "listing", "retrieve"),
]
ENDPOINTS = {f"{method} {url}": endpoint for method, url, endpoint in ROUTES}
URLS = Map([Rule(url, methods=[method], endpoint=f"{method} {url}") for method, url, _ in ROUTES])


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


def handle(sandbox: Sandbox, path: str, request: Request, plan: Plan) -> Response:
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
            endpoint = publishable.narrowed(endpoint)
            raw = publishable.admit(sandbox, name=name, id=arguments.get("id"), raw=raw)
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        call = Call(sandbox=sandbox, request_id=request_id, idempotency_key=key)
        if key:
            mark = idempotency.fingerprint(request.method, path, raw)
            kept = idempotency.begin(sandbox, scope=account, key=key, mark=mark, request_id=request_id)
            original = kept.request_id if kept else request_id
            replayed = kept is not None
            answer = (
                Answer(kept.status, kept.body) if kept else _keyed(call, endpoint, arguments, raw, plan, account, key)
            )
        else:
            sandbox.linger(plan)
            answer, _ = _execute(call, endpoint, arguments, raw)
    except StripeError as error:
        answer = _refusal(error)
    response = raw_json_reply(answer.body, answer.status)
    response.headers["Request-Id"] = request_id
    response.headers["Stripe-Version"] = request.headers.get("Stripe-Version", API_VERSION)
    if original:
        response.headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
        response.headers["Original-Request"] = original
    if replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def _keyed(
    call: Call, endpoint: Endpoint, arguments: Document, raw: Document, plan: Plan, account: str, key: str
) -> Answer:
    """Execute once under the claimed key, and store the response if execution began."""
    try:
        call.sandbox.linger(plan)
        with call.sandbox.store.transaction():
            answer, began = _execute(call, endpoint, arguments, raw)
            if began:
                # An injected 500 means that Stripe failed after execution began, so Stripe stores the 500. 502 to 504
                # come from the front end; the true response is stored behind it.
                broken = plan.after is not None and plan.after.kind == "error_after_effect" and plan.after.status == 500
                kept = Answer(500, _body({"error": injected_error(500)})) if broken else answer
                idempotency.keep(call.sandbox, scope=account, key=key, status=kept.status, body=kept.body)
            return answer
    finally:
        idempotency.release(call.sandbox, scope=account, key=key)


def _execute(call: Call, endpoint: Endpoint, arguments: Document, raw: Document) -> tuple[Answer, bool]:
    """Run the endpoint in one transaction. The flag tells whether execution had begun when it ended."""
    operation, form = endpoint
    refusal: StripeError | None = None
    try:
        with call.sandbox.store.savepoint():
            try:
                call.params = form.read(raw)
                answer = _body(call.expanded(operation(call, **arguments)))
            except StripeError as error:
                if not error.began:
                    raise
                # The transaction commits: a decline leaves the intent, the charge and their events.
                refusal = error
    except StripeError as error:
        return _refusal(error), False
    return (_refusal(refusal) if refusal else Answer(200, answer)), True


def _refusal(error: StripeError) -> Answer:
    return Answer(error.status, _body({"error": error.error}))


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
    key = key or _browsers_key(request)
    if not key:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if any(mark in key for mark in LIVE_KEY_MARKS):
        raise StripeError("This is a sandbox on loopback: it refuses live keys. Use a test key.", status=401)
    browser = publishable.is_publishable(key)
    expected = sandbox.config.stripe_publishable_key if browser else sandbox.config.stripe_api_key
    if (expected and key != expected) or not (browser or key.startswith(("sk_test_", "rk_test_"))):
        raise StripeError(f"Invalid API Key provided: {key[:8]}***{key[-4:]}", status=401)
    return key


def _browsers_key(request: Request) -> str:
    """Stripe.js sends its key as a parameter, because a header would cause a CORS preflight request."""
    key = request.values.get("key", "")
    return key if publishable.is_publishable(key) else ""


def _check_version(request: Request) -> None:
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise StripeError(f"Invalid Stripe API version: {version}. The sandbox supports {API_VERSION}.")
