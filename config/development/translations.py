"""``make translations``: bring the catalogs of all apps up to date with the code, check them, and compile them.

GNU gettext is not needed: Babel reads and writes the catalogs, and Django's own ``templatize`` turns templates into
something that Babel can read. See docs/how-to/add-a-language.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("subscriptions", "orders", "charges", "notifications")
SKIPPED_FOLDERS = ("migrations", "locale", "static")

PYTHON_KEYWORDS = {
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
TEMPLATE_KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w*\}")

# Babel writes dates into a compiled catalog. With a fixed date, the same catalog always compiles to the same file.
FIXED_DATE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HEADER = "# Translations of the texts that customers read. See docs/how-to/add-a-language.md."


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFile:
    """The catalog of one app in one language."""

    app: str
    language: str
    root: Path = ROOT

    @property
    def po(self) -> Path:
        return self.root / self.app / "locale" / self.language / "LC_MESSAGES" / "django.po"

    @property
    def mo(self) -> Path:
        return self.po.with_suffix(".mo")

    def read(self) -> Catalog:
        with self.po.open("rb") as file:
            return read_po(file, locale=self.language, abort_invalid=True)


def extracted(app: str, *, root: Path = ROOT) -> Catalog:
    """Each text that this app marks for translation, with the files that contain it."""
    catalog = Catalog()
    for path in _sources(root / app):
        name = path.relative_to(root).as_posix()
        for _, message, comments, context in _texts(path):
            catalog.add(message, locations=[(name, 0)], auto_comments=comments, context=context)
    return catalog


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".txt", ".html") and not set(SKIPPED_FOLDERS) & set(path.parts):
            yield path


def _texts(path: Path) -> Iterator[tuple]:
    text = path.read_text(encoding="utf-8")
    keywords = PYTHON_KEYWORDS
    if path.suffix != ".py":
        keywords = TEMPLATE_KEYWORDS
        # Babel reads the result as Python, where indentation means something. In a template it does not.
        text = "\n".join(line.strip() for line in templatize(text, origin=str(path)).splitlines())
    yield from extract("python", io.BytesIO(text.encode()), keywords, comment_tags=["Translators:"])


def catalogs(*, root: Path = ROOT) -> list[CatalogFile]:
    """Each catalog that exists."""
    paths = sorted(path for app in APPS for path in (root / app).glob("locale/*/LC_MESSAGES/django.po"))
    return [CatalogFile(app=path.parts[-5], language=path.parts[-3], root=root) for path in paths]


def add(language: str, *, root: Path = ROOT) -> None:
    """Create empty catalogs of a new language. Raises ``UnknownLocaleError`` or ``ValueError`` for an unknown one."""
    Locale.parse(language)
    for app in APPS:
        file = CatalogFile(app=app, language=language, root=root)
        if len(extracted(app, root=root)) and not file.po.exists():
            file.po.parent.mkdir(parents=True)
            _write(file, Catalog(locale=language))


def update(file: CatalogFile) -> None:
    """Add new texts to the catalog, untranslated, and remove the texts that the code no longer has."""
    catalog = file.read()
    catalog.update(
        extracted(file.app, root=file.root),
        no_fuzzy_matching=True,
        update_creation_date=False,
    )
    _write(file, catalog)


def _write(file: CatalogFile, catalog: Catalog) -> None:
    target = io.BytesIO()
    write_po(
        target, catalog, width=110, omit_header=True, sort_by_file=True, ignore_obsolete=True, include_lineno=False
    )
    head = (
        f'{HEADER}\nmsgid ""\nmsgstr ""\n"Language: {file.language}\\n"\n'
        f'"Plural-Forms: {catalog.plural_forms}\\n"\n'
        '"MIME-Version: 1.0\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n"Content-Transfer-Encoding: 8bit\\n"\n\n'
    )
    file.po.write_text(head + target.getvalue().decode().strip() + "\n", encoding="utf-8")


def problems(file: CatalogFile) -> list[str]:
    """Why the catalog is not complete, one line for each problem. An empty list means that it can be compiled."""
    catalog = file.read()
    texts = {(message.context, message.id) for message in catalog if message.id}
    expected = {(message.context, message.id) for message in extracted(file.app, root=file.root) if message.id}
    return [
        *(f"is missing: {text}" for _, text in sorted(expected - texts, key=str)),
        *(f"is no longer used: {text}" for _, text in sorted(texts - expected, key=str)),
        *(f"{problem}: {message.id}" for message in catalog if message.id for problem in _problems_of(message)),
    ]


def _problems_of(message: Message) -> Iterator[str]:
    sources = [message.id] if isinstance(message.id, str) else list(message.id)
    translations = [message.string or ""] if isinstance(message.string, str | None) else list(message.string)
    if message.fuzzy:
        yield "is fuzzy"
    if not all(translations):
        yield "is not translated"
        return
    for text in translations:
        if not any(_placeholders(text) == _placeholders(source) for source in sources):
            yield "has other placeholders"


def _placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


def compile_catalog(file: CatalogFile) -> None:
    """Write the ``.mo`` file that Django reads."""
    catalog = file.read()
    catalog.creation_date = catalog.revision_date = FIXED_DATE
    target = io.BytesIO()
    write_mo(target, catalog)
    file.mo.write_bytes(target.getvalue())


def main(arguments: list[str], *, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="make translations", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--add", metavar="LANGUAGE", help="create the catalogs of a new language, such as it or pt_BR")
    wished = parser.parse_args(arguments)
    if wished.add:
        try:
            add(wished.add, root=root)
        except (UnknownLocaleError, ValueError) as error:
            parser.error(str(error))
    incomplete = [file for file in catalogs(root=root) if not _refreshed(file)]
    return 1 if incomplete else 0


def _refreshed(file: CatalogFile) -> bool:
    """Update one catalog, and compile it if it is complete. Prints what happened."""
    update(file)
    found = problems(file)
    name = file.po.relative_to(file.root)
    if found:
        print(f"{name}: not compiled, {len(found)} to correct")
        print("\n".join(f"  {line}" for line in found))
        return False
    compile_catalog(file)
    print(f"{name}: complete, compiled")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
