"""The shop's own settings, in development, on a PostgreSQL server of the tests' own: nothing is switched off."""

import os

os.environ.setdefault("DJANGO_DEBUG", "1")
os.environ.setdefault("CHECKOUT_RATE_LIMIT", "100000/min")
os.environ.setdefault("REFUND_RATE_LIMIT", "100000/min")
os.environ.setdefault("SETUP_INTENT_RATE_LIMIT", "100000/min")
os.environ.setdefault("PAYMENT_PAGE_RATE_LIMIT", "100000/min")
os.environ.setdefault("ACCOUNT_RATE_LIMIT", "100000/min")
os.environ.setdefault("API_KEY_RATE_LIMIT", "100000/min")
os.environ.setdefault("LOGIN_RATE_LIMIT", "100000/min")

from config.development import postgres

OWN_SERVER = "DATABASE_URL" not in os.environ
if OWN_SERVER:
    # Tests empty tables a thousand times over; none of that has to outlive a power cut.
    os.environ["DATABASE_URL"] = postgres.ensure_running(postgres.DATA.with_name("test-postgres"), durable=False)

from config.settings import *  # noqa: E402, F403

if OWN_SERVER:
    del os.environ["DATABASE_URL"]  # processes that a test starts have their own server, or get this one's URL

# Made to be slow, a third of a second each time; the tests log in a hundred times, and prove nothing about it.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
