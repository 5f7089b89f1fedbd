"""Every setting from the environment: read once, checked and typed.

In development (``DJANGO_DEBUG=1``) each setting has a working default. In production, important settings have none: if
one is missing or holds a development value, the process exits with the variable's name.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import PurePath
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from integrations.sqs.topology import InvalidTopology, Topology
from subscriptions.time_zones import known_time_zone

T = TypeVar("T")

DEVELOPMENT_SECRET_KEY = "development-only-secret-key-never-use-in-production-0000"
DEVELOPMENT_STRIPE_API_KEY = "sk_test_sandbox"
DEVELOPMENT_STRIPE_PUBLISHABLE_KEY = "pk_test_sandbox"
DEVELOPMENT_STRIPE_WEBHOOK_SECRET = "whsec_sandbox"
DEVELOPMENT_BREVO_API_KEY = "brevo-sandbox-key"
DEVELOPMENT_BREVO_WEBHOOK_TOKEN = "brevo-sandbox-webhook-token"
DEVELOPMENT_DIXA_API_TOKEN = "dixa-sandbox-token"
DEVELOPMENT_TRIAL_PROOF_KEY = "development-only-key-for-proofs-of-trials"
DEVELOPMENT_SENDER_EMAIL = "shop@example.com"
DEVELOPMENT_ALLOWED_HOSTS = "localhost,127.0.0.1,[::1],testserver"
DEVELOPMENT_VALUES = frozenset(
    {
        DEVELOPMENT_SECRET_KEY,
        DEVELOPMENT_STRIPE_API_KEY,
        DEVELOPMENT_STRIPE_PUBLISHABLE_KEY,
        DEVELOPMENT_STRIPE_WEBHOOK_SECRET,
        DEVELOPMENT_BREVO_API_KEY,
        DEVELOPMENT_BREVO_WEBHOOK_TOKEN,
        DEVELOPMENT_DIXA_API_TOKEN,
        DEVELOPMENT_TRIAL_PROOF_KEY,
        DEVELOPMENT_SENDER_EMAIL,
    }
)
# Each release of Stripe.js belongs to one release of the API (docs.stripe.com/sdks/stripejs-versioning).
STRIPE_JS_URL = "https://js.stripe.com/endive/stripe.js"
MIN_SECRET_KEY_LENGTH = 50
MIN_TRIAL_PROOF_KEY_LENGTH = 32
MAX_DUNNING_STEPS = 8


class BadEnvironment(Exception):
    """A variable has no usable value. The text names the variable and a correct value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """The environment's settings. ``database_url`` is None if the embedded PostgreSQL is used."""

    debug: bool
    secret_key: str
    trial_proof_key: str
    allowed_hosts: tuple[str, ...]
    database_url: str | None
    sqs_topology: Topology
    stripe_api_key: str
    stripe_publishable_key: str
    stripe_api_base: str
    stripe_js_url: str
    stripe_webhook_secrets: tuple[str, ...]
    brevo_api_key: str
    brevo_api_base: str
    brevo_webhook_token: str
    brevo_list_id: int | None
    dixa_api_token: str
    dixa_api_base: str
    dixa_authorization_prefix: str
    shop_name: str
    shop_time_zone: str
    sender_email: str
    sms_sender: str
    public_url: str
    account_url: str
    payment_link_days: int
    price_change_notice_days: int
    withdrawal_days: int
    dunning_schedule: tuple[int, ...]
    dunning_max_attempts: int
    checkout_rate_limit: str
    refund_rate_limit: str
    setup_intent_rate_limit: str
    payment_page_rate_limit: str
    account_rate_limit: str
    api_key_rate_limit: str
    login_rate_limit: str
    login_mail_limit: str
    login_attempt_limit: str
    login_network_limit: str
    trusted_proxies: int
    log_level: str
    outbox_retention_hours: int
    web_port: int
    sqs_emulator_port: int
    sandbox_port: int


def read(environ: Mapping[str, str] | None = None) -> Env:
    """Read and check the environment. Raises ``BadEnvironment`` for the first unusable variable."""
    variables = _Variables(os.environ if environ is None else environ)
    sqs_emulator_port = variables.port("SQS_EMULATOR_PORT", 9324)
    sandbox_port = variables.port("SANDBOX_PORT", 8420)
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    web_port = variables.port("WEB_PORT", 8000)
    stripe_api_base = variables.url("STRIPE_API_BASE", f"{sandbox}/stripe")
    stripe_api_key = variables.stripe_api_key()
    allowed_hosts = variables.allowed_hosts()
    public_url = variables.public_url(f"http://127.0.0.1:{web_port}")
    if not _is_served(public_url, allowed_hosts):
        raise BadEnvironment("PUBLIC_URL names a host that is not in ALLOWED_HOSTS, so payment links would not work.")
    stripe_js_url = f"{sandbox}/stripe.js" if _is_loopback(stripe_api_base) else STRIPE_JS_URL
    return Env(
        debug=variables.debug,
        secret_key=variables.secret("DJANGO_SECRET_KEY", DEVELOPMENT_SECRET_KEY, min_length=MIN_SECRET_KEY_LENGTH),
        trial_proof_key=variables.secret(
            "TRIAL_PROOF_KEY", DEVELOPMENT_TRIAL_PROOF_KEY, min_length=MIN_TRIAL_PROOF_KEY_LENGTH
        ),
        allowed_hosts=allowed_hosts,
        database_url=variables.database_url(),
        sqs_topology=_sqs_topology(variables, emulator=f"http://127.0.0.1:{sqs_emulator_port}"),
        stripe_api_key=stripe_api_key,
        stripe_publishable_key=variables.publishable_key(stripe_api_key),
        stripe_api_base=stripe_api_base,
        stripe_js_url=variables.stripe_js_url(stripe_js_url),
        stripe_webhook_secrets=variables.stripe_webhook_secrets(),
        brevo_api_key=variables.secret("BREVO_API_KEY", DEVELOPMENT_BREVO_API_KEY),
        brevo_api_base=variables.url("BREVO_API_BASE", f"{sandbox}/brevo/v3"),
        brevo_webhook_token=variables.secret("BREVO_WEBHOOK_TOKEN", DEVELOPMENT_BREVO_WEBHOOK_TOKEN, min_length=20),
        brevo_list_id=variables.optional("BREVO_LIST_ID", "", _optional_int),
        dixa_api_token=variables.secret("DIXA_API_TOKEN", DEVELOPMENT_DIXA_API_TOKEN),
        dixa_api_base=variables.url("DIXA_API_BASE", f"{sandbox}/dixa/v1"),
        dixa_authorization_prefix=variables.optional("DIXA_AUTHORIZATION_PREFIX", "", str),
        shop_name=variables.optional("SHOP_NAME", "Corner Shop", str),
        shop_time_zone=variables.optional("SHOP_TIME_ZONE", "UTC", _time_zone),
        sender_email=variables.sender_email(),
        sms_sender=variables.optional("SMS_SENDER", "CornerShop", _sms_sender),
        public_url=public_url,
        account_url=variables.optional("ACCOUNT_URL", "", lambda text: _url(text) if text else ""),
        payment_link_days=variables.optional("PAYMENT_LINK_DAYS", "7", _between(1, 90)),
        price_change_notice_days=variables.optional("PRICE_CHANGE_NOTICE_DAYS", "30", _between(0, 365)),
        withdrawal_days=variables.optional("WITHDRAWAL_DAYS", "14", _between(0, 365)),
        dunning_schedule=variables.optional("DUNNING_SCHEDULE", "2,5,7,7", _days),
        dunning_max_attempts=variables.optional("DUNNING_MAX_ATTEMPTS", "8", _between(1, 8)),
        checkout_rate_limit=variables.optional("CHECKOUT_RATE_LIMIT", "600/min", _rate),
        refund_rate_limit=variables.optional("REFUND_RATE_LIMIT", "600/min", _rate),
        setup_intent_rate_limit=variables.optional("SETUP_INTENT_RATE_LIMIT", "60/min", _rate),
        payment_page_rate_limit=variables.optional("PAYMENT_PAGE_RATE_LIMIT", "60/min", _rate),
        account_rate_limit=variables.optional("ACCOUNT_RATE_LIMIT", "120/min", _rate),
        api_key_rate_limit=variables.optional("API_KEY_RATE_LIMIT", "6000/min", _rate),
        login_rate_limit=variables.optional("LOGIN_RATE_LIMIT", "60/min", _rate),
        login_mail_limit=variables.optional("LOGIN_MAIL_LIMIT", "5/hour", _rate),
        login_attempt_limit=variables.optional("LOGIN_ATTEMPT_LIMIT", "20/day", _rate),
        login_network_limit=variables.optional("LOGIN_NETWORK_LIMIT", "100/hour", _rate),
        trusted_proxies=variables.optional("TRUSTED_PROXIES", "0", _between(0, 10)),
        log_level=variables.optional("LOG_LEVEL", "INFO", _log_level),
        outbox_retention_hours=variables.optional("OUTBOX_RETENTION_HOURS", "72", _between(1, 8760)),
        web_port=web_port,
        sqs_emulator_port=sqs_emulator_port,
        sandbox_port=sandbox_port,
    )


def _sqs_topology(variables: _Variables, *, emulator: str) -> Topology:
    """Convert the variables. The topology checks the limits of SQS."""
    options: dict[str, Any] = {
        "region": variables.required("AWS_REGION", "eu-west-1", str),
        "endpoint_url": variables.url("SQS_ENDPOINT_URL", emulator),
        "prefix": variables.optional("SQS_QUEUE_PREFIX", "", str),
        "ladder": variables.optional("RETRY_LADDER", "60,300,1500", _seconds),
        "visibility_timeout": variables.optional("VISIBILITY_TIMEOUT", "", lambda text: _whole(text) if text else None),
        "wait_time_seconds": variables.optional("SQS_WAIT_SECONDS", "2" if variables.debug else "20", _whole),
    }
    try:
        return Topology(**options)
    except InvalidTopology as error:
        raise BadEnvironment(str(error)) from None


class _Variables:
    """Reads the variables one by one. Errors name the variable."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.debug = self.optional("DJANGO_DEBUG", "0", _boolean)

    def optional(self, name: str, default: str, parse: Callable[[str], T]) -> T:
        text = self._environ.get(name, "").strip() or default
        try:
            return parse(text)
        except ValueError as error:
            raise BadEnvironment(f"{name} {error}") from None

    def required(self, name: str, development_default: str, parse: Callable[[str], T]) -> T:
        if not self._environ.get(name, "").strip() and not self.debug:
            raise BadEnvironment(f"{name} is not set; it has a default only with DJANGO_DEBUG=1.")
        return self.optional(name, development_default, parse)

    def secret(self, name: str, development_default: str, *, min_length: int = 1) -> str:
        value = self.required(name, development_default, str)
        if not self.debug:
            _refuse_development_value(name, value)
        if len(value) < min_length:
            raise BadEnvironment(f"{name} is shorter than {min_length} characters.")
        return value

    def stripe_api_key(self) -> str:
        """The secret key. A publishable key is rejected, because it cannot charge anything."""
        value = self.secret("STRIPE_API_KEY", DEVELOPMENT_STRIPE_API_KEY)
        if not value.startswith(("sk_", "rk_")):
            raise BadEnvironment("STRIPE_API_KEY starts with neither sk_ nor rk_; set a secret or restricted key.")
        return value

    def stripe_webhook_secrets(self) -> tuple[str, ...]:
        """One secret, or two separated by a comma while a secret is rotated."""
        name = "STRIPE_WEBHOOK_SECRET"
        values = self.required(name, DEVELOPMENT_STRIPE_WEBHOOK_SECRET, _words)
        if len(values) > 2:
            raise BadEnvironment(f"{name} holds {len(values)} secrets; at most two may be active.")
        for value in values:
            if not value.startswith("whsec_"):
                raise BadEnvironment(f"{name} does not start with whsec_; set the secret of the endpoint.")
            if not self.debug:
                _refuse_development_value(name, value)
        return values

    def allowed_hosts(self) -> tuple[str, ...]:
        """In production, development hosts are allowed beside real ones, for health checks, but not alone."""
        values = self.required("ALLOWED_HOSTS", DEVELOPMENT_ALLOWED_HOSTS, _words)
        if not self.debug and set(values) <= set(_words(DEVELOPMENT_ALLOWED_HOSTS)):
            raise BadEnvironment("ALLOWED_HOSTS holds the development value; name the hosts that customers reach.")
        return values

    def sender_email(self) -> str:
        value = self.required("SENDER_EMAIL", DEVELOPMENT_SENDER_EMAIL, _email)
        if not self.debug:
            _refuse_development_value("SENDER_EMAIL", value.lower())
        return value

    def url(self, name: str, development_default: str) -> str:
        value = self.required(name, development_default, _url)
        if not self.debug and _is_loopback(value):
            raise BadEnvironment(f"{name} points at this machine; a stand-in may be used only with DJANGO_DEBUG=1.")
        return value

    def public_url(self, development_default: str) -> str:
        """The start of payment links. Anyone who reads such a link can use it, so production needs https."""
        value = self.url("PUBLIC_URL", development_default)
        self._refuse_plain_http("PUBLIC_URL", value)
        return value

    def publishable_key(self, secret_key: str) -> str:
        """The key for browsers. A secret key is rejected, because every browser would get it. Its mode (test or live)
        must be that of ``secret_key``, or Stripe would not find the objects."""
        value = self.secret("STRIPE_PUBLISHABLE_KEY", DEVELOPMENT_STRIPE_PUBLISHABLE_KEY)
        if not value.startswith("pk_"):
            raise BadEnvironment("STRIPE_PUBLISHABLE_KEY does not start with pk_; browsers must not get any other key.")
        if {_mode(value), _mode(secret_key)} == {"test", "live"}:
            raise BadEnvironment("STRIPE_PUBLISHABLE_KEY and STRIPE_API_KEY must both be test keys or both live keys.")
        return value

    def stripe_js_url(self, development_default: str) -> str:
        """The URL of Stripe.js. With the sandbox it is the sandbox's stand-in."""
        value = self.optional("STRIPE_JS_URL", development_default if self.debug else STRIPE_JS_URL, _url)
        if not self.debug and _is_loopback(value):
            raise BadEnvironment("STRIPE_JS_URL points at this machine; the stand-in is for DJANGO_DEBUG=1.")
        self._refuse_plain_http("STRIPE_JS_URL", value)
        return value

    def _refuse_plain_http(self, name: str, value: str) -> None:
        if not self.debug and not value.startswith("https://"):
            raise BadEnvironment(f"{name} is not https://; plain http is allowed only with DJANGO_DEBUG=1.")

    def database_url(self) -> str | None:
        value = self._environ.get("DATABASE_URL", "").strip()
        if not value:
            if not self.debug:
                raise BadEnvironment("DATABASE_URL is not set; the embedded PostgreSQL needs DJANGO_DEBUG=1.")
            return None
        try:
            parts = _split(value)
        except ValueError:
            # Leave out the reason, which may quote a part of the password.
            raise BadEnvironment("DATABASE_URL cannot be read; write postgresql://user:password@host/name.") from None
        if parts.scheme not in ("postgres", "postgresql"):
            raise BadEnvironment("DATABASE_URL must start with postgresql://; only PostgreSQL is supported.")
        if not self.debug and self._is_embedded(parts):
            raise BadEnvironment("DATABASE_URL holds the development value, the embedded server; name a real one.")
        return value

    def _is_embedded(self, database: SplitResult) -> bool:
        """Whether this is the embedded server, which has only a socket in the development data folder.

        A loopback address is no sign of it: production databases are often behind a local proxy (PgBouncer, Cloud SQL).
        """
        folder = self._environ.get("DATA_DIR", "").strip() or ".data"
        hosts = [unquote(database.hostname or ""), *parse_qs(database.query).get("host", [])]
        sockets = [PurePath(host) for host in hosts if host.startswith("/")]
        # The second is the wheel's folder, which it uses if the path of the data folder is too long for a socket.
        marks = {".data", "python_PostgresServer"}
        return any(marks & set(path.parts) or path.is_relative_to(folder) for path in sockets)

    def port(self, name: str, default: int) -> int:
        return self.optional(name, str(default), _between(1, 65535))


def _refuse_development_value(name: str, value: str) -> None:
    if value in DEVELOPMENT_VALUES:
        raise BadEnvironment(f"{name} holds the development value; set a real one.")


def _mode(key: str) -> str:
    """"test" or "live", as Stripe's keys have it in their second place."""
    return f"{key}__".split("_")[1]


def _split(url: str) -> SplitResult:
    """The parts of a URL. Raises ``ValueError``, also for an invalid port, which urlsplit() checks only on access."""
    parts = urlsplit(url)
    _ = parts.port
    return parts


def _is_loopback(url: str) -> bool:
    """Whether the URL leads to this machine, in any notation that resolvers understand."""
    host = (urlsplit(url).hostname or "").removesuffix(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and (address.is_loopback or address.is_unspecified)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that the host is; None if it is a name."""
    try:
        address = ip_address(host)
    except ValueError:
        try:
            # The system's connect() takes 2130706433, 0x7f.1 and 127.1 for 127.0.0.1.
            return IPv4Address(socket.inet_aton(host))
        except (OSError, UnicodeError):
            return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _is_served(url: str, allowed_hosts: tuple[str, ...]) -> bool:
    """Whether Django accepts this URL's host. As in ``ALLOWED_HOSTS``, a leading dot includes subdomains."""
    host = urlsplit(url).hostname or ""
    names = [name.strip("[]").lower() for name in allowed_hosts]
    return any(name in ("*", host) or (name.startswith(".") and f".{host}".endswith(name)) for name in names)


def _boolean(text: str) -> bool:
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"is {text!r}; write 1 or 0.")


def _words(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    if not words:
        raise ValueError("holds no value.")
    return words


def _url(text: str) -> str:
    try:
        parts = _split(text)
    except ValueError:
        raise ValueError(f"is {text!r}; write https://host or https://host:port.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"is {text!r}; write a URL that starts with https:// or http://.")
    return text.rstrip("/")


def _seconds(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(step) for step in text.split(","))
    except ValueError:
        raise ValueError(f"is {text!r}; write whole seconds separated by commas, such as 60,300,1500.") from None


def _days(text: str) -> tuple[int, ...]:
    try:
        days = tuple(int(step) for step in text.split(","))
    except ValueError:
        raise ValueError(f"is {text!r}; write whole days separated by commas, such as 2,5,7,7.") from None
    if not (len(days) <= MAX_DUNNING_STEPS and all(1 <= step <= 60 for step in days)):
        raise ValueError(f"is {text!r}; write at most {MAX_DUNNING_STEPS} steps of 1 to 60 days.")
    return days


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"is {text!r}; write a whole number.") from None


def _between(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError(f"is {text!r}; write a whole number from {minimum} to {maximum}.") from None
        if not minimum <= number <= maximum:
            raise ValueError(f"is {text}; it must be from {minimum} to {maximum}.")
        return number

    return parse


def _optional_int(text: str) -> int | None:
    return _between(1, 2**31)(text) if text else None


def _email(text: str) -> str:
    if "@" not in text:
        raise ValueError(f"is {text!r}; write an e-mail address.")
    return text


def _time_zone(text: str) -> str:
    zone = known_time_zone(text)
    if zone is None:
        raise ValueError(f"is {text!r}; write an IANA name, such as Europe/Berlin.")
    return zone


def _sms_sender(text: str) -> str:
    letters = text.isascii() and text.isalnum()
    if not (letters and (len(text) <= 11 or (text.isdigit() and 12 <= len(text) <= 15))):
        raise ValueError(f"is {text!r}; write at most 11 letters and digits, or 12 to 15 digits (Brevo's rule).")
    return text


def _rate(text: str) -> str:
    count, _, period = text.partition("/")
    if not count.isdigit() or period not in ("s", "sec", "min", "hour", "day"):
        raise ValueError(f"is {text!r}; write a number and a period, such as 600/min (s, min, hour, day).")
    return text


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ValueError(f"is {text!r}; write DEBUG, INFO, WARNING or ERROR.")
    return text.upper()
