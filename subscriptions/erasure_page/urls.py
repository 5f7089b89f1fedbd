from __future__ import annotations

from django.urls import path

from subscriptions.erasure_page import views

urlpatterns = [path("<str:token>/", views.erasure, name="erasure-page")]
