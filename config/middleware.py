from __future__ import annotations

from django.http import HttpRequest
from django.middleware.common import CommonMiddleware


class SlashMiddleware(CommonMiddleware):
    """An address without its last slash leads people to the right one. A program gets its 404: it would follow the
    redirect of a POST with a GET, and in development there is none to follow."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return not request.path_info.startswith("/api/") and super().should_redirect_with_slash(request)
