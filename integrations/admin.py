"""What every list in the admin shares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import localtime


def short(field: str) -> Callable[[Model], str]:
    """A list's column for a choice such as "Failed: declined or refused; another card may do": only what stands before
    the colon, as the whole takes five lines of a row. The page of the row has all of it."""

    @admin.display(description=field.replace("_", " "), ordering=field)
    def column(row: Model) -> str:
        label: str = getattr(row, f"get_{field}_display")()
        return label.partition(":")[0]

    column.__name__ = field  # the cell's class in the page is made of it
    return column


def link_to(row: Model | None, text: str = "") -> str:
    """A link to the row's own page. Made of names, so it leads to apps, too, that import the caller's."""
    if row is None:
        return "-"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, text or row)


def moment(at: dt.datetime | None) -> str:
    """A time that a method computes, as Django shows those of columns; a row's page would print it as Python does."""
    return localize(localtime(at)) if at else "-"


class ReadOnlyAdmin(admin.ModelAdmin):
    """To look at only. What staff may do to such a row is an action that calls an operation, never an edit."""

    show_full_result_count = False
    list_per_page = 50

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """E-mail addresses are looked up as their keys have them, however a customer writes them."""
        term = " ".join(word.casefold() if "@" in word else word for word in search_term.split(" "))
        return super().get_search_results(request, queryset, term)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
