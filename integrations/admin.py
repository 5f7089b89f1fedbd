"""The base classes of all admin pages. Only this module uses Django's own (``tests/architecture/test_admin_bases.py``),
so that a rule for all pages has one place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.contrib.auth.admin import UserAdmin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime

NOTHING = "-"


def short(field: str) -> Callable[[Model], str]:
    """A list column for a choice with a long label, such as "Failed: declined or rejected; another card may work".

    The column shows the part before the colon. The row's own page shows the whole label.
    """

    @admin.display(description=field.replace("_", " "), ordering=field)
    def column(row: Model) -> str:
        label: str = getattr(row, f"get_{field}_display")()
        return label.partition(":")[0]

    column.__name__ = field  # Django makes the cell's CSS class of it
    return column


def link_to(row: Model | None, text: str = "") -> str:
    """A link to the row's own page, with ``text`` or the row's name."""
    if row is None:
        return NOTHING
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, text or row)


def lines(texts: Iterable[str]) -> str:
    """The texts below each other, or a dash if there are none. Texts that are not safe HTML are escaped."""
    return format_html_join(mark_safe("<br>"), "{}", ((text,) for text in texts)) or NOTHING


def moment(at: dt.datetime | None) -> str:
    """A time that a method computes, in the format in which Django shows the times of columns."""
    return localize(localtime(at)) if at else NOTHING


class BaseAdmin(admin.ModelAdmin):
    """The base of all lists: 50 rows a page, no count of the whole table, e-mail search in any case.

    ``search_spellings``: functions that turn a search term into the form in which a column stores it, or return None if
    the term cannot be such a value. The list then finds rows by the term as typed and by each of these forms.
    """

    show_full_result_count = False
    list_per_page = 50
    search_spellings: tuple[Callable[[str], str | None], ...] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        typed = _with_email_keys(search_term)
        found, may_have_duplicates = super().get_search_results(request, queryset, typed)
        for spell in self.search_spellings:
            spelled = spell(search_term)
            if spelled and spelled != search_term:
                # In addition to what is found already: an order number may also be the start of an e-mail address.
                found |= super().get_search_results(request, queryset, spelled)[0]
        return found, may_have_duplicates


class ReadOnlyAdmin(BaseAdmin):
    """A page to look at. Staff change such a row only by an action that calls an operation."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EditableAdmin(BaseAdmin):
    """A page on which staff with the permission edit rows directly. For configuration, such as plans."""


class LoginAdmin(EditableAdmin, UserAdmin):
    """A page for logins, with Django's forms for passwords and permissions."""


class _ReadOnlyInline(admin.options.InlineModelAdmin):
    """Rows to look at on their parent's page. ``fields`` names what is shown."""

    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return flatten(self.fields or ())

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyTabularInline(_ReadOnlyInline, admin.TabularInline):
    """One row below the other."""


class ReadOnlyStackedInline(_ReadOnlyInline, admin.StackedInline):
    """One block for each row, for rows that are wider than a screen."""


def _with_email_keys(search_term: str) -> str:
    """E-mail addresses are stored in lower case, so they are searched in lower case."""
    return " ".join(word.casefold() if "@" in word else word for word in search_term.split(" "))
