"""The shop's own settings, in development: nothing is switched off or made easier for tests."""

import os

os.environ.setdefault("DJANGO_DEBUG", "1")
os.environ.setdefault("CHECKOUT_RATE_LIMIT", "100000/min")

from config.settings import *  # noqa: F403
