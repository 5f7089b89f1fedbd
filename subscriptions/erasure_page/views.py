"""The page on which a person follows the erasure of the data, and reads the certificate, without a login.

It only shows, and contains no personal data.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.dateparse import parse_date, parse_datetime
from django.views.decorators.http import require_safe

from subscriptions import erasure_tokens, queries
from subscriptions.erasure_page import texts
from subscriptions.locales import language_of
from subscriptions.models import Erasure

POLICY = "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'"


@require_safe
def erasure(request: HttpRequest, token: str) -> HttpResponse:
    """Show the state of the erasure, or the certificate."""
    try:
        found = queries.erasure(erasure_id=erasure_tokens.read(token))
    except erasure_tokens.BadToken:
        found = None
    return _page(request, found)


def _page(request: HttpRequest, found: Erasure | None) -> HttpResponse:
    language = language_of(translation.get_language_from_request(request))
    state = "bad_link" if found is None else str(found.status)
    context = {
        "state": state,
        "language": language,
        "shop": settings.SHOP_NAME,
        "heading": texts.HEADINGS[state],
        "text": texts.TEXTS[state],
        **_certificate(found),
    }
    with translation.override(language):
        response = render(request, "subscriptions/erasure.html", context, status=404 if found is None else 200)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


def _certificate(found: Erasure | None) -> dict[str, Any]:
    """The certificate's lists with their dates parsed, or nothing."""
    stored = (found.certificate if found else None) or {"erased": [], "kept": []}
    return {
        "erased": [{**entry, "at": entry["at"] and parse_datetime(entry["at"])} for entry in stored["erased"]],
        "kept": [{**entry, "until": entry["until"] and parse_date(entry["until"])} for entry in stored["kept"]],
    }
