from __future__ import annotations

from django.urls import path

from charges.payment_page import views

urlpatterns = [
    path("<str:token>/", views.payment_page, name="payment-page"),
    path("<str:token>/status/", views.payment_status, name="payment-page-status"),
    path("<str:token>/session/", views.begin_confirmation, name="payment-page-session"),
    path("<str:token>/return/", views.note_return, name="payment-page-return"),
    path("<str:token>/setup/", views.begin_setup, name="payment-page-setup"),
    path("<str:token>/card/", views.take_card, name="payment-page-card"),
    path("<str:token>/link/", views.request_link, name="payment-page-link"),
]
