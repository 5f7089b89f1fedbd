"""Every variable: its default, its invalid values, and the requirements of production."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import pytest

from config import env
from config.env import BadEnvironment

DEVELOPMENT = {"DJANGO_DEBUG": "1"}
PRODUCTION = {
    "DJANGO_SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "shop.example.com",
    "DATABASE_URL": "postgresql://shop@db.example.com/shop",
    "AWS_REGION": "eu-central-1",
    "SQS_ENDPOINT_URL": "https://sqs.eu-central-1.amazonaws.com",
    "STRIPE_API_KEY": "sk_live_key",
    "STRIPE_PUBLISHABLE_KEY": "pk_live_key",
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_WEBHOOK_SECRET": "whsec_live",
    "BREVO_API_KEY": "xkeysib-key",
    "BREVO_API_BASE": "https://api.brevo.com/v3",
    "BREVO_WEBHOOK_TOKEN": "t" * 20,
    "TRIAL_PROOF_KEY": "p" * 32,
    "DIXA_API_TOKEN": "dixa-token",
    "DIXA_API_BASE": "https://dev.dixa.io/v1",
    "SENDER_EMAIL": "orders@example.org",
    "PUBLIC_URL": "https://shop.example.com",
}
DEFAULTS: dict[str, Any] = {
    "debug": True,
    "database_url": None,
    "sqs_topology.region": "eu-west-1",
    "sqs_topology.endpoint_url": "http://127.0.0.1:9324",
    "sqs_topology.prefix": "",
    "sqs_topology.ladder": (60, 300, 1500),
    "sqs_topology.visibility_timeout": None,
    "sqs_topology.wait_time_seconds": 2,
    "stripe_api_key": "sk_test_sandbox",
    "stripe_api_base": "http://127.0.0.1:8420/stripe",
    "stripe_webhook_secrets": ("whsec_sandbox",),
    "brevo_api_base": "http://127.0.0.1:8420/brevo/v3",
    "brevo_list_id": None,
    "dixa_api_base": "http://127.0.0.1:8420/dixa/v1",
    "stripe_publishable_key": "pk_test_sandbox",
    "stripe_js_url": "http://127.0.0.1:8420/stripe.js",
    "public_url": "http://127.0.0.1:8000",
    "payment_link_days": 7,
    "dunning_schedule": (2, 5, 7, 7),
    "dunning_max_attempts": 8,
    "checkout_rate_limit": "600/min",
    "refund_rate_limit": "600/min",
    "setup_intent_rate_limit": "60/min",
    "payment_page_rate_limit": "60/min",
    "account_rate_limit": "120/min",
    "api_key_rate_limit": "6000/min",
    "login_rate_limit": "60/min",
    "login_mail_limit": "5/hour",
    "login_attempt_limit": "20/day",
    "login_network_limit": "100/hour",
    "account_url": "",
    "trusted_proxies": 0,
    "log_level": "INFO",
    "outbox_retention_hours": 72,
    "web_port": 8000,
    "sqs_emulator_port": 9324,
    "sandbox_port": 8420,
}
READS = [
    ("ALLOWED_HOSTS", "a.example.com, 127.0.0.1", "allowed_hosts", ("a.example.com", "127.0.0.1")),
    ("DATABASE_URL", "postgres://shop@db/shop", "database_url", "postgres://shop@db/shop"),
    ("SQS_QUEUE_PREFIX", "staging-", "sqs_topology.prefix", "staging-"),
    ("SQS_EMULATOR_PORT", "9999", "sqs_topology.endpoint_url", "http://127.0.0.1:9999"),
    ("SANDBOX_PORT", "9998", "dixa_api_base", "http://127.0.0.1:9998/dixa/v1"),
    ("STRIPE_API_BASE", "https://api.stripe.com/", "stripe_api_base", "https://api.stripe.com"),
    ("STRIPE_API_BASE", "https://api.stripe.com", "stripe_js_url", "https://js.stripe.com/endive/stripe.js"),
    ("RETRY_LADDER", "1,2,3", "sqs_topology.ladder", (1, 2, 3)),
    ("VISIBILITY_TIMEOUT", "600", "sqs_topology.visibility_timeout", 600),
    ("SQS_WAIT_SECONDS", "20", "sqs_topology.wait_time_seconds", 20),
    ("BREVO_LIST_ID", "7", "brevo_list_id", 7),
    ("SMS_SENDER", "491511234567", "sms_sender", "491511234567"),
    ("CHECKOUT_RATE_LIMIT", "5/hour", "checkout_rate_limit", "5/hour"),
    ("REFUND_RATE_LIMIT", "7/min", "refund_rate_limit", "7/min"),
    ("LOGIN_MAIL_LIMIT", "3/hour", "login_mail_limit", "3/hour"),
    ("ACCOUNT_URL", "https://shop.example.com/account/", "account_url", "https://shop.example.com/account"),
    ("LOG_LEVEL", "warning", "log_level", "WARNING"),
    ("WEB_PORT", "  8080 ", "web_port", 8080),
    ("WEB_PORT", "8080", "public_url", "http://127.0.0.1:8080"),
    ("DUNNING_SCHEDULE", "3, 3,3", "dunning_schedule", (3, 3, 3)),
]
REFUSES = [
    ("STRIPE_PUBLISHABLE_KEY", "sk_test_something"),
    ("DUNNING_SCHEDULE", "soon"),
    ("DUNNING_SCHEDULE", "0,5"),
    ("DUNNING_SCHEDULE", "1,1,1,1,1,1,1,1,1"),
    ("DUNNING_MAX_ATTEMPTS", "9"),
    ("PRICE_CHANGE_NOTICE_DAYS", "-1"),
    ("WITHDRAWAL_DAYS", "two weeks"),
    ("PAYMENT_LINK_DAYS", "0"),
    ("SHOP_TIME_ZONE", "Berlin"),
    ("PUBLIC_URL", "shop.example.com"),
    ("ACCOUNT_URL", "account"),
    ("LOGIN_ATTEMPT_LIMIT", "seldom"),
    ("DJANGO_DEBUG", "maybe"),
    ("DJANGO_SECRET_KEY", "short"),
    ("DATABASE_URL", "mysql://shop@db/shop"),
    ("DATABASE_URL", "postgresql://[bad/x"),
    ("DATABASE_URL", "postgresql://shop@h:notaport/x"),
    ("DATABASE_URL", "postgresql://shop@h:65536/x"),
    ("SQS_ENDPOINT_URL", "https://[bad"),
    ("BREVO_API_BASE", "https://api.brevo.com:notaport"),
    ("PUBLIC_URL", "https://shop.example.com:notaport"),
    ("STRIPE_API_KEY", "pk_live_x"),
    ("STRIPE_API_KEY", "whsec_live"),
    ("STRIPE_WEBHOOK_SECRET", "sk_live_x"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_live,other"),
    ("SQS_ENDPOINT_URL", "localhost:9324"),
    ("SQS_QUEUE_PREFIX", "no spaces"),
    ("SQS_QUEUE_PREFIX", "x" * 51),
    ("RETRY_LADDER", "soon"),
    ("RETRY_LADDER", "60,0"),
    ("RETRY_LADDER", "42301"),
    ("VISIBILITY_TIMEOUT", "soon"),
    ("VISIBILITY_TIMEOUT", "2"),
    ("VISIBILITY_TIMEOUT", "43201"),
    ("SQS_WAIT_SECONDS", "21"),
    ("STRIPE_API_BASE", "ftp://api.stripe.com"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_one,whsec_two,whsec_three"),
    ("BREVO_API_BASE", "brevo"),
    ("BREVO_WEBHOOK_TOKEN", "short"),
    ("TRIAL_PROOF_KEY", "short"),
    ("BREVO_LIST_ID", "list"),
    ("DIXA_API_BASE", "//dixa"),
    ("SENDER_EMAIL", "nobody"),
    ("SMS_SENDER", "TwelveLetters"),
    ("SMS_SENDER", "Not alnum"),
    ("CHECKOUT_RATE_LIMIT", "often"),
    ("TRUSTED_PROXIES", "-1"),
    ("LOG_LEVEL", "LOUD"),
    ("OUTBOX_RETENTION_HOURS", "0"),
    ("WEB_PORT", "65536"),
    ("SQS_EMULATOR_PORT", "http"),
    ("SANDBOX_PORT", "0"),
]
DEVELOPMENT_ONLY = [
    ("DJANGO_SECRET_KEY", env.DEVELOPMENT_SECRET_KEY),
    ("STRIPE_API_KEY", env.DEVELOPMENT_STRIPE_API_KEY),
    ("STRIPE_WEBHOOK_SECRET", env.DEVELOPMENT_STRIPE_WEBHOOK_SECRET),
    ("STRIPE_WEBHOOK_SECRET", f"whsec_live,{env.DEVELOPMENT_STRIPE_WEBHOOK_SECRET}"),
    ("BREVO_API_KEY", env.DEVELOPMENT_BREVO_API_KEY),
    ("BREVO_WEBHOOK_TOKEN", env.DEVELOPMENT_BREVO_WEBHOOK_TOKEN),
    ("TRIAL_PROOF_KEY", env.DEVELOPMENT_TRIAL_PROOF_KEY),
    ("DIXA_API_TOKEN", env.DEVELOPMENT_DIXA_API_TOKEN),
    ("SQS_ENDPOINT_URL", "http://localhost:9324"),
    ("STRIPE_API_BASE", "http://127.0.0.1:8420/stripe"),
    ("BREVO_API_BASE", "http://127.1.2.3/brevo"),
    ("DIXA_API_BASE", "http://[::1]:8420/dixa"),
    ("ALLOWED_HOSTS", env.DEVELOPMENT_ALLOWED_HOSTS),
    ("ALLOWED_HOSTS", "testserver, localhost"),
    ("SENDER_EMAIL", env.DEVELOPMENT_SENDER_EMAIL),
    ("SENDER_EMAIL", "Shop@Example.com"),
    ("DATABASE_URL", "postgresql://postgres:@/postgres?host=/srv/shop/.data/postgres"),
    ("DATABASE_URL", "postgresql://postgres@%2Fsrv%2Fshop%2F.data%2Fpostgres/postgres"),
    ("DATABASE_URL", "postgresql://postgres:@/postgres?host=/run/user/1000/python_PostgresServer/0a1b2c3d4e"),
]
URLS = ["SQS_ENDPOINT_URL", "STRIPE_API_BASE", "BREVO_API_BASE", "DIXA_API_BASE", "PUBLIC_URL", "STRIPE_JS_URL"]
# This machine, as resolvers and connections read it.
LOOPBACK = [
    *["localhost", "LOCALHOST", "localhost.", "shop.localhost", "127.0.0.1", "127.1.2.3", "127.0.0.1.", "127.1"],
    *["2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0"],
    *["[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]"],
]


@pytest.mark.parametrize(("field", "expected"), DEFAULTS.items())
def test_development_has_a_default_for_every_setting(field: str, expected: Any) -> None:
    assert attrgetter(field)(env.read(DEVELOPMENT)) == expected


@pytest.mark.parametrize(("variable", "text", "field", "expected"), READS)
def test_a_variable_is_read(variable: str, text: str, field: str, expected: Any) -> None:
    assert attrgetter(field)(env.read({**DEVELOPMENT, variable: text})) == expected


@pytest.mark.parametrize(("variable", "text"), REFUSES)
def test_an_unusable_value_is_reported_with_its_variable(variable: str, text: str) -> None:
    with pytest.raises(BadEnvironment, match=rf"^{variable} "):
        env.read({**DEVELOPMENT, variable: text})


@pytest.mark.parametrize("variable", ["DATABASE_URL", "RETRY_LADDER", "STRIPE_API_KEY", "WEB_PORT"])
def test_an_empty_variable_counts_as_unset(variable: str) -> None:
    assert env.read({**DEVELOPMENT, variable: "  "}) == env.read(DEVELOPMENT)


def test_production_starts_with_all_settings() -> None:
    settings = env.read(PRODUCTION)

    assert not settings.debug
    assert settings.sqs_topology.wait_time_seconds == 20
    assert settings.stripe_api_base == "https://api.stripe.com"


@pytest.mark.parametrize("variable", PRODUCTION)
def test_production_requires_each_important_setting(variable: str) -> None:
    with pytest.raises(BadEnvironment, match=rf"^{variable} is not set"):
        env.read({name: text for name, text in PRODUCTION.items() if name != variable})


@pytest.mark.parametrize(("variable", "text"), DEVELOPMENT_ONLY)
def test_production_rejects_development_values(variable: str, text: str) -> None:
    with pytest.raises(BadEnvironment, match=rf"^{variable} (holds the development value|points at this machine)"):
        env.read({**PRODUCTION, variable: text})


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("variable", URLS)
def test_production_rejects_addresses_of_this_machine(variable: str, host: str) -> None:
    with pytest.raises(BadEnvironment, match=rf"^{variable} points at this machine"):
        env.read({**PRODUCTION, variable: f"https://{host}:9324"})


def test_the_embedded_database_is_recognized_by_its_folder() -> None:
    url = "postgresql://postgres:@/postgres?host=/var/tmp/stack/postgres"
    assert env.read({**PRODUCTION, "DATABASE_URL": url}).database_url == url
    with pytest.raises(BadEnvironment, match=r"^DATABASE_URL holds the development value"):
        env.read({**PRODUCTION, "DATABASE_URL": url, "DATA_DIR": "/var/tmp/stack"})


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        # PgBouncer and Cloud SQL's proxy listen on this machine, and are the way to a production database.
        ("DATABASE_URL", "postgresql://shop@127.0.0.1:6432/shop"),
        ("DATABASE_URL", "postgresql://shop@localhost/shop"),
        ("DATABASE_URL", "postgresql://shop@/shop?host=/cloudsql/project:region:db"),
        ("ALLOWED_HOSTS", "shop.example.com,localhost,127.0.0.1"),
        ("SQS_ENDPOINT_URL", "http://10.0.0.7:9324"),
        ("SQS_ENDPOINT_URL", "https://[2001:db8::1]"),
        ("BREVO_API_BASE", "https://127.example.com"),
        ("STRIPE_API_KEY", "rk_live_key"),
    ],
)
def test_production_accepts_values_that_resemble_development_values(variable: str, text: str) -> None:
    assert env.read({**PRODUCTION, variable: text})


@pytest.mark.parametrize(
    ("variable", "text"),
    [("PUBLIC_URL", "http://shop.example.com"), ("STRIPE_JS_URL", "http://js.stripe.com/endive/stripe.js")],
)
def test_production_requires_https_for_payment_links_and_card_forms(variable: str, text: str) -> None:
    assert env.read({**DEVELOPMENT, "ALLOWED_HOSTS": "*", variable: text})
    with pytest.raises(BadEnvironment, match=rf"^{variable} is not https://"):
        env.read({**PRODUCTION, variable: text})


@pytest.mark.parametrize(
    ("secret", "publishable"),
    [("sk_live_key", "pk_test_key"), ("rk_live_key", "pk_test_key"), ("sk_test_key", "pk_live_key")],
)
def test_the_two_stripe_keys_must_have_one_mode(secret: str, publishable: str) -> None:
    with pytest.raises(BadEnvironment, match=r"^STRIPE_PUBLISHABLE_KEY and STRIPE_API_KEY"):
        env.read({**PRODUCTION, "STRIPE_API_KEY": secret, "STRIPE_PUBLISHABLE_KEY": publishable})


@pytest.mark.parametrize("hosts", ["shop.example.com", "www.example.com, .example.com", "*", "SHOP.example.com"])
def test_the_host_of_payment_links_must_be_allowed(hosts: str) -> None:
    assert env.read({**PRODUCTION, "ALLOWED_HOSTS": hosts}).public_url == "https://shop.example.com"


@pytest.mark.parametrize("hosts", ["example.com", "www.example.com", ".shop.example.org"])
def test_payment_links_to_another_host_are_rejected(hosts: str) -> None:
    with pytest.raises(BadEnvironment, match=r"^PUBLIC_URL names a host that is not in ALLOWED_HOSTS"):
        env.read({**PRODUCTION, "ALLOWED_HOSTS": hosts})


def test_two_webhook_secrets_may_be_active() -> None:
    settings = env.read({**PRODUCTION, "STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old"})

    assert settings.stripe_webhook_secrets == ("whsec_new", "whsec_old")


def test_an_error_does_not_repeat_a_secret() -> None:
    with pytest.raises(BadEnvironment) as refusal:
        env.read({**DEVELOPMENT, "DJANGO_SECRET_KEY": "hunter2"})

    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize("url", ["postgresql://shop:hunter2/x@h/x", "postgresql://shop:hunter2[@h:notaport/x"])
def test_an_invalid_database_url_does_not_reveal_its_password(url: str) -> None:
    with pytest.raises(BadEnvironment, match=r"^DATABASE_URL ") as refusal:
        env.read({**DEVELOPMENT, "DATABASE_URL": url})

    assert "hunter2" not in str(refusal.value)
