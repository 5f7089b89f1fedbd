"""The input and output of ``auth/`` as JSON. The OpenAPI schema shows the help texts."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from integrations.web.fields import StrictCharField, StrictRegexField
from integrations.web.serializers import StrictSerializer
from subscriptions.api.fields import EmailAddressField

CODE = r"^[0-9]{6}$"
MAX_TOKEN_LENGTH = 200
MAX_PASSWORD_LENGTH = 128


class CodeField(StrictRegexField):
    """The code of a login mail."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(CODE, message="Must be the six digits of the e-mail.", max_length=6, **kwargs)


class PasswordField(StrictCharField):
    """A password, exactly as typed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False, **kwargs)


class LoginMailInput(StrictSerializer):
    email = EmailAddressField(help_text="The address of the account.")


class LinkInput(StrictSerializer):
    token = StrictCharField(max_length=MAX_TOKEN_LENGTH, help_text="The part of the link after `/login/`.")
    code = CodeField(required=False, help_text="The code of the same e-mail. Needed in another browser.")


class CodeInput(StrictSerializer):
    code = CodeField(help_text="The code of the e-mail that this browser asked for.")


class PasswordLoginInput(StrictSerializer):
    email = EmailAddressField()
    password = PasswordField()


class PasswordInput(StrictSerializer):
    password = PasswordField(help_text="At least 12 characters, not a common password, not like the address.")


class SessionOutput(serializers.Serializer[Any]):
    customer = serializers.UUIDField(allow_null=True, help_text="Who is logged in. Null: no customer is.")
    csrf_token = serializers.CharField(help_text="Send it as `X-CSRFToken` with each request that changes something.")
