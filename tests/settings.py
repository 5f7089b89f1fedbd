"""The shop's development settings, with the tests' own PostgreSQL server. No feature is switched off."""

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

# The folder of the tests' own server, or None if the environment names a database.
TEST_SERVER = None if "DATABASE_URL" in os.environ else postgres.DATA.with_name("test-postgres")
if TEST_SERVER is not None:
    # Tests empty tables thousands of times, and their data need not survive a power failure.
    os.environ["DATABASE_URL"] = postgres.ensure_running(TEST_SERVER, durable=False)

from config.settings import *  # noqa: E402, F403

if TEST_SERVER is not None:
    del os.environ["DATABASE_URL"]  # processes that a test starts have their own server, or get this one's URL

# The real hasher takes a third of a second on purpose. The tests log in hundreds of times and do not test it.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
