"""The languages that the shop writes in, for tests that go through all of them."""

from __future__ import annotations

from django.conf import settings
from django.utils import translation
from django.utils.functional import Promise

LANGUAGES = [code for code, _ in settings.LANGUAGES]


def in_language(text: Promise, language: str) -> str:
    """A translatable text in this language."""
    with translation.override(language):
        return str(text)
