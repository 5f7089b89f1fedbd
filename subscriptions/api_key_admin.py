"""The admin page of API keys."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from integrations.admin import ReadOnlyAdmin
from subscriptions.models import ApiKey
from subscriptions.operations import api_keys


def _in_a_year() -> dt.datetime:
    return timezone.now() + dt.timedelta(days=365)


class NewApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(choices=ApiKey.Scope.choices, widget=forms.CheckboxSelectMultiple)
    expires_at = forms.SplitDateTimeField(initial=_in_a_year, widget=AdminSplitDateTime)

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "expires_at")

    def clean_expires_at(self) -> dt.datetime:
        expires_at: dt.datetime = self.cleaned_data["expires_at"]
        if expires_at <= timezone.now():
            raise ValidationError("This moment has passed.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """The keys of the shop's back end. A key is shown once, when it is made. It does not change, but can be revoked."""

    form = NewApiKeyForm
    list_display = ("name", "prefix", "scopes", "expires_at", "revoked_at", "last_used_at", "created_by", "created_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("created_by",)
    search_fields = ("name__istartswith", "prefix__exact")
    search_help_text = "Start of the name, or the prefix"
    ordering = ("-id",)
    fields = ("name", "scopes", "expires_at")
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else self.list_display

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("subscriptions.add_apikey")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("subscriptions.change_apikey")

    def save_model(self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool) -> None:
        assert request.user.is_authenticated
        made = api_keys.make_api_key(
            name=obj.name, scopes=obj.scopes, expires_at=obj.expires_at, created_by=request.user
        )
        # Django reads the row's id from ``obj`` for its history, and the key itself only until the response.
        obj.pk, obj.prefix, obj.key_hash = made.row.pk, made.row.prefix, made.row.key_hash
        request.new_key = made.key  # type: ignore[attr-defined]

    def response_add(self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key in this response only. Neither a message nor the session stores it."""
        key = request.new_key  # type: ignore[attr-defined]
        context = {**self.admin_site.each_context(request), "title": f"API key {obj}", "key": key, "opts": self.opts}
        return TemplateResponse(request, "subscriptions/admin/new_api_key.html", context)

    @admin.action(description="Revoke: the keys stop working at once", permissions=["revoke"])
    def revoke(self, request: HttpRequest, selected: QuerySet[ApiKey]) -> None:
        revoked = [key for key in selected if api_keys.revoke_api_key(key_id=key.pk, at=timezone.now())]
        self.message_user(request, f"{len(revoked)} revoked.", messages.SUCCESS)
