"""Admin pages extend the base classes in ``integrations/admin.py``, never Django's own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group

from integrations.admin import BaseAdmin, ReadOnlyStackedInline, ReadOnlyTabularInline

ROOT = Path(__file__).resolve().parents[2]
APPS = ("config", "notifications", "charges", "orders", "subscriptions", "integrations")
HOME = ROOT / "integrations" / "admin.py"
DJANGO_BASES = {"ModelAdmin", "InlineModelAdmin", "TabularInline", "StackedInline", "UserAdmin", "GroupAdmin"}


def violations(source: str) -> Iterator[str]:
    """Each use of a base class of Django's admin, as ``line: name``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("django.contrib"):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value).split(".")[-1] in ("admin", "options"):
            names = [node.attr]
        else:
            continue
        yield from (f"{node.lineno}: {name}" for name in names if name in DJANGO_BASES)


def test_only_the_base_module_uses_djangos_base_classes() -> None:
    found = {
        str(path.relative_to(ROOT)): list(violations(path.read_text()))
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if path != HOME
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from django.contrib import admin\nclass A(admin.ModelAdmin): ...",
        "from django.contrib import admin\nclass A(admin.TabularInline): ...",
        "from django.contrib.admin import StackedInline",
        "from django.contrib.admin.options import ModelAdmin as Base",
        "from django.contrib.auth.admin import UserAdmin",
        "import django.contrib.admin.options\nclass A(django.contrib.admin.options.InlineModelAdmin): ...",
    ],
)
def test_a_planted_violation_is_found(source: str) -> None:
    assert list(violations(source))


def test_every_registered_page_extends_the_base() -> None:
    others = {
        model
        for model, page in admin.site._registry.items()
        if model is not Group and not isinstance(page, BaseAdmin)
    }
    assert others == set()


def test_every_inline_extends_the_base() -> None:
    inlines = [inline for page in admin.site._registry.values() for inline in page.inlines]
    assert inlines
    for inline in inlines:
        assert issubclass(inline, ReadOnlyTabularInline | ReadOnlyStackedInline), inline
