from __future__ import annotations

from django.urls import path

from subscriptions.login_pages import views

urlpatterns = [
    path("", views.login, name="login"),
    path("code/", views.code, name="login-code"),
    path("email/<str:token>/", views.new_email, name="login-new-email"),
    path("<str:token>/", views.link, name="login-link"),
]
