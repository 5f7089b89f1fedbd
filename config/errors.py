"""Error responses outside views: problem+json for programs, Django's pages for people."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from integrations.web.problems import problem

FOR_PEOPLE = ("/admin/", "/cancel/", "/login/", "/pay/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(FOR_PEOPLE):
        return defaults.bad_request(request, exception)
    return problem(400, "The request could not be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(FOR_PEOPLE):
        return defaults.permission_denied(request, exception)
    return problem(403, "This is not allowed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(FOR_PEOPLE):
        return defaults.page_not_found(request, exception)
    return problem(404, "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(FOR_PEOPLE):
        return defaults.server_error(request)
    return problem(500, "Something broke on our side; it has been recorded.")
