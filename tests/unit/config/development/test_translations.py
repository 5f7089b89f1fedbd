"""The catalogs in the repository are complete, and ``make translations`` notices when they are not."""

from __future__ import annotations

import gettext
import shutil
from pathlib import Path

import pytest
from django.utils import translation

from config import languages
from config.development import translations
from config.development.translations import APPS, ROOT, CatalogFile
from tests.support.languages import LANGUAGES

CATALOGS = translations.catalogs()
IDS = [f"{file.app}-{file.language}" for file in CATALOGS]
TRANSLATED = [language for language in LANGUAGES if language != "en"]
TEMPLATE = """{% load i18n %}
{% if first %}
    {% blocktranslate with day=other.day %}Until {{ day }}{% endblocktranslate %}
{% endif %}
  {% translate "Order" context "e-mail" %}"""
CODE = """from django.utils.translation import gettext_lazy, pgettext_lazy

HELLO = gettext_lazy("Hello "
    "{name}")
ORDER = pgettext_lazy("page", "Order")
not_for_customers = "Nothing to translate"
"""


@pytest.fixture
def small_shop(tmp_path: Path) -> Path:
    """A shop with one app that has texts, and three without."""
    for app in APPS:
        (tmp_path / app).mkdir()
    (tmp_path / "charges" / "texts.py").write_text(CODE)
    (tmp_path / "charges" / "page.html").write_text(TEMPLATE)
    return tmp_path


def catalog_of(root: Path) -> CatalogFile:
    translations.add("it", root=root)
    file = CatalogFile(app="charges", language="it", root=root)
    translations.update(file)
    return file


def translate(file: CatalogFile) -> None:
    text = file.po.read_text()
    for source, translated in {
        "Until %(day)s": "Fino al %(day)s",
        "Hello {name}": "Buongiorno {name}",
        "Order": "Ordine",
    }.items():
        text = text.replace(f'msgid "{source}"\nmsgstr ""', f'msgid "{source}"\nmsgstr "{translated}"')
    file.po.write_text(text)


def test_every_app_with_texts_has_a_catalog_in_every_language() -> None:
    with_texts = [app for app in APPS if len(translations.extracted(app))]
    assert {"charges", "notifications"} <= set(with_texts)
    expected = {(app, language) for app in with_texts for language in TRANSLATED}
    assert expected == {(file.app, file.language) for file in CATALOGS}


@pytest.mark.parametrize("file", CATALOGS, ids=IDS)
def test_every_catalog_is_complete(file: CatalogFile) -> None:
    assert translations.problems(file) == []


@pytest.mark.parametrize("file", CATALOGS, ids=IDS)
def test_every_catalog_is_as_the_command_writes_it(file: CatalogFile, tmp_path: Path) -> None:
    shutil.copytree(ROOT / file.app, tmp_path / file.app, ignore=shutil.ignore_patterns("__pycache__"))
    copy = CatalogFile(app=file.app, language=file.language, root=tmp_path)
    translations.update(copy)
    assert copy.po.read_text() == file.po.read_text()


@pytest.mark.parametrize("file", CATALOGS, ids=IDS)
def test_every_compiled_catalog_matches_its_source(file: CatalogFile) -> None:
    with file.mo.open("rb") as compiled:
        catalog = gettext.GNUTranslations(compiled)
    source = {(message.context, message.id): message.string for message in file.read() if message.id}
    assert source == {(context, text): catalog.pgettext(context, text) if context else catalog.gettext(text)
                      for context, text in source}  # fmt: skip
    assert len(catalog._catalog) == len(source) + 1, "and nothing but the header besides"


@pytest.mark.parametrize("file", CATALOGS, ids=IDS)
def test_django_takes_every_text_from_our_catalog(file: CatalogFile) -> None:
    """Django merges all catalogs, and its own come first: a short text needs a context, so that nothing hides it."""
    with translation.override(file.language):
        for message in file.read():
            if message.id:
                context, text = message.context, message.id
                found = translation.pgettext(context, text) if context else translation.gettext(text)
                assert found == message.string


def test_texts_are_found_in_python_and_in_templates(small_shop: Path) -> None:
    found = {(message.context, message.id) for message in translations.extracted("charges", root=small_shop)}
    assert found - {(None, "")} == {
        (None, "Hello {name}"),
        ("page", "Order"),
        ("e-mail", "Order"),
        (None, "Until %(day)s"),
    }


def test_a_new_language_is_added_translated_and_offered_without_code(small_shop: Path, capsys) -> None:
    assert translations.main(["--add", "it"], root=small_shop) == 1
    assert "charges/locale/it/LC_MESSAGES/django.po: not compiled, 4 to correct" in capsys.readouterr().out
    assert languages.available(small_shop) == [("en", "English")]

    translate(CatalogFile(app="charges", language="it", root=small_shop))
    assert translations.main([], root=small_shop) == 0
    assert "complete, compiled" in capsys.readouterr().out
    assert languages.available(small_shop) == [("en", "English"), ("it", "Italian")]


def test_an_unknown_language_is_not_added(capsys) -> None:
    with pytest.raises(SystemExit):
        translations.main(["--add", "xx"])
    assert "xx" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('msgstr "Fino al %(day)s"', 'msgstr ""', "is not translated: Until %(day)s"),
        ('msgstr "Fino al %(day)s"', 'msgstr "Fino a %(data)s"', "has other placeholders: Until %(day)s"),
        ('msgstr "Buongiorno {name}"', 'msgstr "Buongiorno"', "has other placeholders: Hello {name}"),
        ('msgid "Hello {name}"', '#, fuzzy\nmsgid "Hello {name}"', "is fuzzy: Hello {name}"),
        ('msgid "Hello {name}"', 'msgid "Hi {name}"', "is missing: Hello {name}"),
        ('msgid "Hello {name}"', 'msgid "Hi {name}"', "is no longer used: Hi {name}"),
    ],
)
def test_problems_are_found(small_shop: Path, before: str, after: str, problem: str) -> None:
    file = catalog_of(small_shop)
    translate(file)
    assert translations.problems(file) == []

    text = file.po.read_text()
    assert before in text
    file.po.write_text(text.replace(before, after))
    assert problem in translations.problems(file)


def test_an_update_keeps_translations_adds_new_texts_and_removes_old_ones(small_shop: Path) -> None:
    file = catalog_of(small_shop)
    translate(file)
    (small_shop / "charges" / "texts.py").write_text(CODE.replace('"page", "Order"', '"page", "Amount"'))

    translations.update(file)

    strings = {(message.context, message.id): message.string for message in file.read() if message.id}
    assert strings == {
        (None, "Hello {name}"): "Buongiorno {name}",
        (None, "Until %(day)s"): "Fino al %(day)s",
        ("e-mail", "Order"): "Ordine",
        ("page", "Amount"): "",
    }


def test_the_same_catalog_compiles_to_the_same_file(small_shop: Path) -> None:
    file = catalog_of(small_shop)
    translate(file)
    translations.compile_catalog(file)
    first = file.mo.read_bytes()
    translations.compile_catalog(file)
    assert file.mo.read_bytes() == first
