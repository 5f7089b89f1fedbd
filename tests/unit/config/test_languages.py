from __future__ import annotations

from pathlib import Path

import pytest
from babel import Locale
from django.conf import settings
from django.test import Client
from django.utils import translation

from config import languages


def compiled(root: Path, app: str, *locales: str) -> None:
    for locale in locales:
        folder = root / app / "locale" / locale / "LC_MESSAGES"
        folder.mkdir(parents=True)
        (folder / "django.mo").touch()


def test_without_catalogs_there_is_english(tmp_path: Path) -> None:
    assert languages.available(tmp_path) == [("en", "English")]


def test_a_language_needs_a_compiled_catalog_in_every_app(tmp_path: Path) -> None:
    compiled(tmp_path, "charges", "de", "fr", "pt_BR")
    compiled(tmp_path, "notifications", "de", "pt_BR")
    (tmp_path / "orders").mkdir()
    assert languages.available(tmp_path) == [("en", "English"), ("de", "German"), ("pt-br", "Brazilian Portuguese")]


def test_a_language_that_django_does_not_know_is_named_by_its_code(tmp_path: Path) -> None:
    compiled(tmp_path, "charges", "tlh")
    assert ("tlh", "tlh") in languages.available(tmp_path)


def test_the_shop_writes_in_english_german_and_french() -> None:
    assert {"en", "de", "fr"} <= {code for code, _ in settings.LANGUAGES}


@pytest.mark.parametrize("code", [code for code, _ in settings.LANGUAGES])
def test_babel_knows_how_each_language_writes_dates_and_amounts(code: str) -> None:
    assert Locale.parse(code, sep="-").language == code.partition("-")[0]


def test_the_admin_stays_english(admin_client: Client) -> None:
    page = admin_client.get("/admin/", headers={"Accept-Language": "de"})
    assert '<html lang="en-us"' in page.text
    assert "Log out" in page.text
    assert translation.get_language() == "en-us"
