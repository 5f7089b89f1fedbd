"""Calls with a publishable key: a browser may read and confirm the one intent whose client secret it was given.

See docs.stripe.com/keys and docs.stripe.com/api/payment_intents/confirm. The response shows less of an
intent than a call with a secret key: no customer, no metadata, no charge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from integrations.sandbox.stripe_api.call import NOUNS, Document
from integrations.sandbox.stripe_api.errors import StripeError, missing_object, missing_parameter
from integrations.sandbox.stripe_api.forms import Form

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

PREFIX = "pk_test_"
FORBIDDEN = (
    "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your "
    "API keys at https://dashboard.stripe.com/account/apikeys."
)
KINDS = {
    "GET /v1/payment_intents/<id>": "payment_intent",
    "POST /v1/payment_intents/<id>/confirm": "payment_intent",
    "GET /v1/setup_intents/<id>": "setup_intent",
    "POST /v1/setup_intents/<id>/confirm": "setup_intent",
}
OBJECT_NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
# Parameters that Stripe.js sends and servers do not.
BROWSER_PARAMETERS = ("key", "client_secret", "expected_payment_method_type")
SECRET_KEY_PARAMETERS = ("off_session", "error_on_requires_action", "mandate", "amount_to_confirm")
SECRET_KEY_FIELDS = frozenset(
    {
        "amount_capturable",
        "amount_received",
        "application",
        "application_fee_amount",
        "customer",
        "customer_account",
        "latest_attempt",
        "latest_charge",
        "mandate",
        "metadata",
        "on_behalf_of",
        "payment_method_options",
        "review",
        "single_use_mandate",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    }
)


def is_publishable(key: str) -> bool:
    return key.startswith(PREFIX)


def checked_parameters(sandbox: Sandbox, *, name: str, id: str | None, raw: Document) -> Document:
    """The parameters of the call without those of the browser. Raises 401 for any other call, and 404 or 400 for an
    intent that does not belong to the client secret."""
    kind = KINDS.get(name)
    if kind is None or id is None:
        raise StripeError(FORBIDDEN, status=401)
    intent = sandbox.store.get(kind, id)
    if intent is None:
        raise missing_object(NOUNS[kind], id, param="intent")
    if "client_secret" not in raw:
        raise missing_parameter("client_secret")
    if raw["client_secret"] != intent["client_secret"]:
        raise StripeError(
            f"The client_secret provided does not match the client_secret associated with the {OBJECT_NAMES[kind]}.",
            code="payment_intent_invalid_parameter" if kind == "payment_intent" else None,
            param="client_secret",
        )
    for parameter in SECRET_KEY_PARAMETERS:
        if parameter in raw:
            raise StripeError(
                f"You do not have permission to pass `{parameter}` with a publishable key.", param=parameter
            )
    return {parameter: value for parameter, value in raw.items() if parameter not in BROWSER_PARAMETERS}


def redacted(endpoint: tuple[Callable[..., Document], Form]) -> tuple[Callable[..., Document], Form]:
    """The endpoint, with a response that contains only what a browser may see."""
    operation, form = endpoint

    def run(*call: object, **arguments: str) -> Document:
        try:
            return _without_secret_fields(operation(*call, **arguments))
        except StripeError as error:
            for kind in OBJECT_NAMES:
                if kind in error.error:
                    error.error[kind] = _without_secret_fields(error.error[kind])
            raise

    return run, form


def _without_secret_fields(intent: Document) -> Document:
    return {name: value for name, value in intent.items() if name not in SECRET_KEY_FIELDS}
