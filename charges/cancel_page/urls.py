from __future__ import annotations

from django.urls import path

from charges.cancel_page import views

urlpatterns = [
    path("", views.find, name="cancel-page-find"),
    path("<str:token>/", views.cancel, name="cancel-page"),
    path("<str:token>/withdraw/", views.withdraw, name="cancel-page-withdraw"),
]
