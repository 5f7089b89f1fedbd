"""Places one checkout over HTTP against the running stack and prints its timeline: ``make checkout``.

``--card`` and ``--plan`` choose the card and the plan.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

from config.development import runlock
from config.development.runlock import NotRunning
from config.development.screen import GREEN, RED, Screen
from config.development.seed import DIGITAL_PLAN
from config.development.stack import data_folder

TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1
CARD = "pm_card_visa"


class CheckoutRefused(Exception):
    """The shop did not respond with 201."""


def place_and_show(
    *,
    web_url: str,
    screen: Screen,
    webhook_expected: bool = True,
    pause: Callable[[float], None] = time.sleep,
    card: str = CARD,
    plan: str = DIGITAL_PLAN,
) -> bool:
    """Place a checkout and print its timeline. Return True if it was completed and no step failed."""
    from config.development import checkout_progress, timeline_text

    placed = place(web_url=web_url, webhook_expected=webhook_expected, card=card, plan=plan)
    began = time.monotonic()
    progress = checkout_progress.progress_of(placed)
    while progress.missing and not progress.failed and time.monotonic() - began < TIMEOUT_SECONDS:
        screen.waiting(f"waiting for {', '.join(progress.missing)}")
        pause(POLL_SECONDS)
        progress = checkout_progress.progress_of(placed)
    screen.line()
    for line in timeline_text.lines(progress, screen):
        screen.line(line)
    screen.line()
    for problem in _problems(progress):
        screen.failed("checkout", problem)
    if not progress.failed and not progress.missing:
        ms = timeline_text.milliseconds(placed.requested_at, progress.steps[-1].at)
        response_ms = timeline_text.milliseconds(placed.requested_at, placed.answered_at)
        screen.line(f"  {screen.paint('✓', GREEN)} Answered in {response_ms} ms; all seven queues done in {ms} ms.")
    return not progress.failed and not progress.missing


def place(*, web_url: str, webhook_expected: bool, card: str, plan: str) -> Any:
    """POST the checkout of a new customer. Raises ``CheckoutRefused`` and ``NotRunning``."""
    from django.utils import timezone

    from config.development.checkout_progress import Placed

    request_id = f"development-{uuid4()}"
    request = urllib.request.Request(
        f"{web_url}/api/v1/checkout/",
        data=json.dumps(body(card=card, plan=plan)).encode(),
        headers={
            "Content-Type": "application/json",
            "Idempotency-Key": request_id,
            "X-Request-ID": request_id,
        },
    )
    requested_at = timezone.now()
    status, response = _send(request)
    answered_at = timezone.now()
    if status != 201:
        raise CheckoutRefused(f"POST {request.full_url} answered {status}: {response[:500]}")
    return Placed(
        request_id=request_id,
        number=json.loads(response)["order"]["number"],
        plan=plan,
        requested_at=requested_at,
        answered_at=answered_at,
        webhook_expected=webhook_expected,
    )


def body(*, card: str = CARD, plan: str = DIGITAL_PLAN) -> dict[str, Any]:
    """A digital plan ends as fulfilled. The phone number and the consents create work for every queue."""
    return {
        "plan": plan,
        "quantity": 1,
        "payment_method": card,
        # Plans that are shipped need an address. Other plans accept it.
        "shipping_address": {"line1": "Lindenstr. 1", "postal_code": "10969", "city": "Berlin", "country": "DE"},
        "customer": {
            # New values each time: a known address registers no customer, and Brevo allows a number only once.
            "email": f"ada.{secrets.token_hex(4)}@example.com",
            "name": "Ada Lovelace",
            "phone": f"+49151{secrets.randbelow(90_000_000) + 10_000_000}",
            "locale": "en",
            "marketing_consent": True,
            "sms_consent": True,
        },
    }


def _send(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            return int(response.status), response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except OSError as error:
        raise NotRunning(f"{request.host} does not answer ({error}).") from None


def _problems(progress: Any) -> list[str]:
    failed = [f"{step.what} ({step.queue or 'order'}): {step.result}" for step in progress.failed]
    if failed:
        return failed
    return [f"not within {TIMEOUT_SECONDS:.0f} s: {name}" for name in progress.missing]


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    screen = Screen(sys.stdout)
    try:
        facts = runlock.running(data_folder())
        _set_up_django(facts["variables"])
        succeeded = place_and_show(
            web_url=facts["web_url"],
            screen=screen,
            webhook_expected=facts["own_providers"],
            card=options.card,
            plan=options.plan,
        )
        return 0 if succeeded else 1
    except NotRunning as error:
        print(f"{error} Start it with: make run", file=sys.stderr)
    except CheckoutRefused as error:
        print(f"{screen.paint('✗', RED)} {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make checkout",
        description="Place an order in the shop that runs in this folder, and show its timeline.",
        epilog='Example: make checkout ARGS="--card pm_card_chargeCustomerFail". The exit code is 1 if a step fails.',
    )
    parser.add_argument(
        "--card", default=CARD, metavar="PAYMENT_METHOD", help="id of a test card (default: %(default)s)"
    )
    parser.add_argument("--plan", default=DIGITAL_PLAN, metavar="CODE", help="code of the plan (default: %(default)s)")
    return parser.parse_args(arguments)


def _set_up_django(variables: dict[str, str]) -> None:
    os.environ.update(variables)
    import django

    django.setup()


if __name__ == "__main__":
    sys.exit(main())
