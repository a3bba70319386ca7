"""Ways to reach somebody: a webhook, an e-mail."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Protocol

import httpx

from gateway.notify.messages import Alert, Templates
from gateway.settings import Settings, read_secret
from processing.domain.errors import Transient

_TIMEOUT_S = 10.0


class Channel(Protocol):
    """A way to reach somebody."""

    def send(self, alert: Alert) -> None:
        """Tell it.

        Raises
        ------
        Transient
            If nobody was reached.
        """


class Webhook:
    """Posts alerts as JSON, to a chat or a monitoring system."""

    def __init__(self, url: str, token: str, templates: Templates) -> None:
        self._url, self._templates = url, templates
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def send(self, alert: Alert) -> None:
        """Post it; any answer but a success is a failure."""
        try:
            body = self._templates.webhook(alert).encode()
            httpx.post(self._url, content=body, headers=self._headers, timeout=_TIMEOUT_S).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Transient("The webhook for alerts can't be reached, or refuses.") from error


class Mail:
    """Sends alerts as e-mail."""

    def __init__(self, settings: Settings, templates: Templates) -> None:
        self._settings, self._templates = settings, templates
        file = settings.alert_smtp_password_file
        self._password = read_secret(file, at_least=8) if file is not None else ""

    def send(self, alert: Alert) -> None:
        """Send it to everybody; one address that is refused is a failure."""
        told = self._settings
        message = EmailMessage()
        message["Subject"] = self._templates.subject(alert)
        message["From"], message["To"] = told.alert_mail_from, told.alert_mail_to
        message.set_content(self._templates.mail(alert))
        try:
            with smtplib.SMTP(told.alert_smtp_host, told.alert_smtp_port, timeout=_TIMEOUT_S) as server:
                if told.alert_smtp_tls:
                    server.starttls(context=ssl.create_default_context())
                if told.alert_smtp_user:
                    server.login(told.alert_smtp_user, self._password)
                refused = server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise Transient("The mail server can't be reached, or refuses the alert.") from error
        if refused:
            raise Transient("The mail server refuses an address for alerts.")


def channels_of(settings: Settings) -> Sequence[Channel]:
    """Return the ways that the settings name; none by default.

    Raises
    ------
    ValueError
        If a template or a secret is wrong.
    """
    templates = Templates(settings.alert_templates)
    found: list[Channel] = []
    if settings.alert_webhook:
        file = settings.alert_webhook_token_file
        found.append(Webhook(settings.alert_webhook, read_secret(file, at_least=8) if file else "", templates))
    if settings.alert_mail_to:
        found.append(Mail(settings, templates))
    return found
