"""The API that saves a card before the checkout."""

from __future__ import annotations

import logging

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from charges.api.payment_serializers import EmptyInput, SetupIntentOutput
from charges.throttles import SetupIntentThrottle
from integrations.errors import ProviderError, TransientError
from integrations.stripe import setup_intents
from integrations.web.openapi import BODY_PROBLEMS, problem_response
from integrations.web.problems import RETRY_AFTER_SECONDS, Unavailable
from integrations.web.views import PublicView, reject_large_body

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 60


class SetupIntentsView(PublicView):
    throttle_classes = (SetupIntentThrottle,)
    http_method_names = ["post", "options"]

    @extend_schema(
        operation_id="setup_intent",
        summary="Save a card before the checkout",
        description=(
            "Creates a setup intent at Stripe. Save the card with Stripe.js, while the customer can authenticate: "
            "`stripe.confirmCardSetup(client_secret, …)`. Then check out with the resulting `payment_method`. "
            "No other call of this API waits for Stripe."
        ),
        auth=[],
        request=EmptyInput,
        responses={
            201: SetupIntentOutput,
            **problem_response(400, "Malformed: broken JSON, or an unknown field"),
            **BODY_PROBLEMS,
            **problem_response(503, "Stripe is not available; see `Retry-After`"),
        },
    )
    def post(self, request: Request) -> Response:
        reject_large_body(request)
        EmptyInput(data=request.data).is_valid(raise_exception=True)
        try:
            setup_intent = setup_intents.create()
        except ProviderError as error:
            logger.warning("No setup intent was created: %s", error)
            raise _unavailable(error) from None
        data = {
            "id": setup_intent.id,
            "client_secret": setup_intent.client_secret,
            "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        }
        return Response(data, status=201, headers={"Cache-Control": "no-store"})


def _unavailable(error: ProviderError) -> Unavailable:
    wait = error.retry_after if isinstance(error, TransientError) else None
    return Unavailable(
        "Cards cannot be saved right now. Retry in a few seconds.",
        wait=min(wait or RETRY_AFTER_SECONDS, MAX_WAIT_SECONDS),
    )
