from __future__ import annotations

from django.urls import path

from charges import pages

urlpatterns = [
    path("<str:token>/", pages.payment_page, name="payment-page"),
    path("<str:token>/status/", pages.payment_status, name="payment-page-status"),
    path("<str:token>/session/", pages.begin_confirmation, name="payment-page-session"),
    path("<str:token>/return/", pages.note_return, name="payment-page-return"),
    path("<str:token>/setup/", pages.begin_setup, name="payment-page-setup"),
    path("<str:token>/card/", pages.take_card, name="payment-page-card"),
    path("<str:token>/link/", pages.request_link, name="payment-page-link"),
]
