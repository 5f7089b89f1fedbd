from __future__ import annotations

from django.urls import path

from subscriptions.api import auth, erasures, me, my_subscription

urlpatterns = [
    path("auth/session/", auth.SessionView.as_view(), name="api-session"),
    path("auth/login-mail/", auth.LoginMailView.as_view(), name="api-login-mail"),
    path("auth/link/", auth.LinkView.as_view(), name="api-login-link"),
    path("auth/code/", auth.CodeView.as_view(), name="api-login-code"),
    path("auth/password-login/", auth.PasswordLoginView.as_view(), name="api-password-login"),
    path("auth/password/", auth.PasswordView.as_view(), name="api-password"),
    path("auth/logout/", auth.LogoutView.as_view(), name="api-logout"),
    path("auth/logout-everywhere/", auth.LogoutEverywhereView.as_view(), name="api-logout-everywhere"),
    path("me/", me.MeView.as_view(), name="api-me"),
    path("me/email/", me.MyEmailView.as_view(), name="api-my-email"),
    path("me/email/confirm/", me.MyEmailConfirmationView.as_view(), name="api-my-email-confirmation"),
    path("me/export/", erasures.MyExportView.as_view(), name="api-my-export"),
    path("me/erasure/", erasures.MyErasureView.as_view(), name="api-my-erasure"),
    path("erasures/<str:token>/", erasures.ErasureView.as_view(), name="api-erasure"),
    path("me/subscriptions/", me.MySubscriptionsView.as_view(), name="api-my-subscriptions"),
    path("me/subscriptions/<uuid:subscription_id>/", me.MySubscriptionView.as_view(), name="api-my-subscription"),
    path(
        "me/subscriptions/<uuid:subscription_id>/undo/",
        my_subscription.UndoView.as_view(),
        name="api-undo-planned-change",
    ),
    path("me/subscriptions/<uuid:subscription_id>/skip/", my_subscription.SkipView.as_view(), name="api-skip-period"),
    path(
        "me/subscriptions/<uuid:subscription_id>/unskip/",
        my_subscription.UnskipView.as_view(),
        name="api-unskip-period",
    ),
]
