"""Answers requests for the page, and submissions of its forms."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from integrations.sandbox.control.errors import ControlError
from integrations.sandbox.page import actions, tabs
from integrations.sandbox.page.rendering import TEMPLATES

if TYPE_CHECKING:
    from integrations.sandbox.state import Sandbox

REFRESH_SECONDS = ("2", "5", "15")
# The policy also applies inside the previews of mails, so that they load nothing and run no script.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def handle(sandbox: Sandbox, request: Request) -> Response:
    if request.path != "/":
        return Response("Not found\n", status=404, content_type="text/plain; charset=utf-8")
    if request.method == "POST":
        return _submit(sandbox, request)
    tab = request.args.get("tab", "mails")
    tab = tab if tab in tabs.TITLES else "mails"
    refresh = request.args.get("refresh", "")
    with sandbox.store.transaction():
        context = {
            "tab": tab,
            "tabs": tabs.TITLES,
            "counts": tabs.counts(sandbox),
            "refresh": refresh if refresh in REFRESH_SECONDS else "",
            "refreshes": REFRESH_SECONDS,
            "selected": request.args.get("id", ""),
            "notice": request.args.get("notice", ""),
            "faults_on": len(sandbox.faults.rules()),
            **tabs.CONTEXTS[tab](sandbox),
        }
    page = TEMPLATES.get_template(f"{tab}.html").render(context)
    response = Response(page, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def _submit(sandbox: Sandbox, request: Request) -> Response:
    """Carry out the action of a button, then redirect to the same tab."""
    origin = request.headers.get("Origin")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.host:
        return Response("The sandbox refuses forms of other sites.\n", status=403, content_type="text/plain")
    fields = request.form.to_dict()
    query = {"tab": fields.pop("tab", ""), "refresh": fields.pop("refresh", ""), "id": fields.get("id", "")}
    try:
        with sandbox.store.transaction():
            actions.run(sandbox, fields)
    except ControlError as error:
        query["notice"] = str(error)
    return redirect("/?" + urlencode({name: value for name, value in query.items() if value}), 303)
