"""Find the languages that the shop can write in. See docs/how-to/add-a-language.md."""

from __future__ import annotations

from pathlib import Path

from django.conf.locale import LANG_INFO
from django.utils.translation import to_language

ENGLISH = ("en", "English")  # the language of the source code; it needs no catalog


def available(root: Path) -> list[tuple[str, str]]:
    """Code and name of English and of each language that every app with a ``locale`` folder has a compiled catalog for.

    ``make translations`` compiles complete catalogs only. An incomplete language is still offered if it has compiled
    catalogs of an earlier version; the texts that they lack are then in English.
    """
    folders = root.glob("*/locale")
    catalogs = [{path.parent.parent.name for path in folder.glob("*/LC_MESSAGES/django.mo")} for folder in folders]
    codes = sorted(to_language(locale) for locale in set.intersection(*catalogs)) if catalogs else []
    return [ENGLISH, *((code, str(LANG_INFO.get(code, {}).get("name", code))) for code in codes)]
