from __future__ import annotations

from django.urls import path

from charges.payment_page import page, script_api

urlpatterns = [
    path("<str:token>/", page.payment_page, name="payment-page"),
    path("<str:token>/link/", page.request_link, name="payment-page-link"),
    path("<str:token>/status/", script_api.payment_status, name="payment-page-status"),
    path("<str:token>/session/", script_api.start_confirmation, name="payment-page-session"),
    path("<str:token>/return/", script_api.note_return, name="payment-page-return"),
    path("<str:token>/setup/", script_api.start_setup, name="payment-page-setup"),
    path("<str:token>/payment-method/", script_api.replace_payment_method, name="payment-page-payment-method"),
]
