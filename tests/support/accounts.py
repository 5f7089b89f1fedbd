"""Customers with a login, their browsers, and the mails that let them in."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

from celery import current_app
from django.test import Client
from django.utils import timezone

from integrations.outbox.models import OutboxMessage
from subscriptions.models import Customer
from subscriptions.operations import api_keys, logins
from tests.support.factories import make_customer

KEY = "Idempotency-Key"
ALL_SCOPES = ("checkout", "customers.read", "customers.write")


def customer_with_login(**fields: Any) -> Customer:
    """A customer, Ann Lee by default, with a login that has no password. The mail about it is not sent."""
    customer = make_customer(**fields)
    logins.create_login(customer_id=customer.pk)
    OutboxMessage.objects.all().delete()
    customer.refresh_from_db()
    return customer


class Browser:
    """A browser with its own cookies, which sends the CSRF token of its last page."""

    def __init__(self, *, network: str = "192.0.2.1") -> None:
        self.http = Client(enforce_csrf_checks=True, REMOTE_ADDR=network)
        self.csrf = ""

    def start(self) -> Browser:
        """Load the session, which brings the CSRF token."""
        self.session()
        return self

    def session(self) -> dict[str, Any]:
        session = self.http.get("/api/v1/auth/session/").json()
        self.csrf = session["csrf_token"]
        return session

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        headers = {**headers, **({"X-CSRFToken": self.csrf} if self.csrf else {})}
        response = getattr(self.http, method)(
            f"/api/v1/{path}", {} if body is None else body, content_type="application/json", headers=headers
        )
        if response.headers.get("Content-Type") == "application/json" and "csrf_token" in (data := response.json()):
            self.csrf = data["csrf_token"]
        return response

    def get(self, path: str, **query: str) -> Any:
        return self.http.get(f"/api/v1/{path}", query)

    def post(self, path: str, body: Any = None) -> Any:
        return self.call("post", path, body)

    def act(self, subscription: Any, action: str, body: Any = None, *, key: str = "") -> Any:
        """Do something with the subscription, with a new Idempotency-Key unless one is given."""
        return self.call("post", f"me/subscriptions/{subscription.pk}/{action}/", body, **{KEY: key or str(uuid4())})

    def ask(self, email: str) -> Any:
        return self.start().post("auth/login-mail/", {"email": email})

    def log_in(self, customer: Customer) -> Browser:
        """Log in without a mail, at this moment."""
        self.http.force_login(customer.user, backend="subscriptions.backends.CustomerBackend")
        self.logged_in_since(timezone.now())
        return self.start()

    def logged_in_since(self, at: dt.datetime) -> None:
        session = self.http.session
        session["logged_in_at"] = at.timestamp()
        session.save()

    def is_logged_in(self) -> bool:
        return self.session()["customer"] is not None


class BackEnd:
    """The shop's back end with an API key."""

    def __init__(self, *, scopes: Iterable[str] = ALL_SCOPES, customer: Customer | None = None) -> None:
        made = api_keys.make_api_key(
            name="Storefront", scopes=list(scopes), expires_at=timezone.now() + dt.timedelta(days=90)
        )
        self.key, self.row, self.customer = made.key, made.row, customer

    def headers(self) -> Mapping[str, str]:
        acts_for = {"Shop-Customer": str(self.customer.pk)} if self.customer else {}
        return {"Authorization": f"Bearer {self.key}", **acts_for}

    def get(self, path: str) -> Any:
        return Client().get(f"/api/v1/{path}", headers=self.headers())

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return getattr(Client(), method)(
            f"/api/v1/{path}",
            {} if body is None else body,
            content_type="application/json",
            headers={**self.headers(), **headers},
        )


    def act(self, subscription: Any, action: str, body: Any = None, *, key: str = "") -> Any:
        """Do something with the subscription for the customer, with a new Idempotency-Key unless one is given."""
        return self.call("post", f"me/subscriptions/{subscription.pk}/{action}/", body, **{KEY: key or str(uuid4())})


def deliver(queue: str = "EmailsQueue") -> list[str]:
    """Deliver each message of the queue once, and return the names of its tasks."""
    done = []
    for row in OutboxMessage.objects.filter(queue=queue).order_by("pk"):
        current_app.tasks[row.task](**row.kwargs)
        row.delete()
        done.append(row.task)
    return done


def token_in(mail: Mapping[str, Any]) -> str:
    """The token of the link in a mail."""
    found = re.search(r"/login/(?:email/)?([^/\s]+)/", mail["textContent"])
    assert found, mail["textContent"]
    return found[1]


def code_in(mail: Mapping[str, Any]) -> str:
    """The code in a mail."""
    found = re.search(r"^(\d{6})$", mail["textContent"], re.MULTILINE)
    assert found, mail["textContent"]
    return found[1]
