"""Everything that a site configures, from environment variables and secret files.

Every variable begins with ``INTERVAL_``, except `DATABASE_URL`. A secret is never given as a variable's value but
as the path of a file that holds it (``INTERVAL_PSEUDONYM_KEY_FILE=...``): variables show up in process lists and
crash reports, files have owners.
"""

from __future__ import annotations

import ssl
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from gateway.dicom_tls import TlsFiles
from processing.broker import verified, with_password
from processing.domain.language import Language

_KEY_ID = r"^[A-Za-z0-9-]{1,32}$"
_ROLE_NAME = r"(reader|technologist|operator|auditor)"
_ROLE = rf"[^=,]+={_ROLE_NAME}"
_RETIRED_KEY = r"[A-Za-z0-9-]{1,32}=[^,=]+"
_WEAK_SECRETS = frozenset({"secret", "password", "changeme", "change-me", "interval", "orthanc", "admin", "default"})


class TargetKind(StrEnum):
    """How results reach the PACS."""

    C_STORE = "c-store"
    STOW_RS = "stow-rs"
    HL7_ORU = "hl7-oru"
    """No objects, but a message about them (HL7 v2 ORU^R01 over MLLP)."""


class TargetSettings(BaseModel):
    """One place that results go to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9-]{1,32}$")
    kind: TargetKind = TargetKind.C_STORE
    host: str = "127.0.0.1"
    port: int = 4242
    aet: str = Field(default="PACS", max_length=16)
    url: str = ""
    """DICOMweb root: for STOW-RS, or to ask a C-STORE target what it holds."""
    user: str = ""
    password_file: Path | None = None
    tls: bool = False
    """Whether C-STORE, C-FIND and storage commitment go over TLS."""

    @field_validator("url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @cached_property
    def password(self) -> str:
        """Of Interval's account at a DICOMweb target."""
        if self.password_file is None:
            raise ValueError(f"the target {self.name} needs the file of Interval's password there")
        return read_secret(self.password_file, at_least=12)


class PacsKind(StrEnum):
    """How earlier studies are fetched from a PACS."""

    NONE = "none"
    C_MOVE = "c-move"
    DICOMWEB = "dicomweb"


def read_secret(path: Path, *, at_least: int) -> str:
    """Read a secret from a file.

    Parameters
    ----------
    path : Path
    at_least : int
        Fewest characters that are acceptable.

    Raises
    ------
    ValueError
        If the file is missing, too short, one repeated character or a well-known default. The message names the
        file's setting, never the secret.
    """
    if not path.is_file():
        raise ValueError(f"the secret file {path.name} does not exist")
    secret = path.read_text(encoding="utf-8").strip()
    if len(secret) < at_least:
        raise ValueError(f"the secret in {path.name} has fewer than {at_least} characters")
    if secret.lower() in _WEAK_SECRETS or len(set(secret)) < 6:
        raise ValueError(f"the secret in {path.name} is a default or too simple")
    return secret


class DatabaseSettings(BaseSettings):
    """Where the database is: all that a command needs that works on nothing else."""

    model_config = SettingsConfigDict(env_prefix="INTERVAL_", env_ignore_empty=True, frozen=True, extra="ignore")

    database_url: str = Field(
        default="sqlite:///interval.db", validation_alias=AliasChoices("DATABASE_URL", "database_url")
    )
    database_password_file: Path | None = None
    """For PostgreSQL: its password, which then stands in no address."""

    @cached_property
    def database(self) -> str:
        """The database's address, with its password when that is in a file. Never log it."""
        if self.database_password_file is None:
            return self.database_url
        password = read_secret(self.database_password_file, at_least=12)
        return make_url(self.database_url).set(password=password).render_as_string(hide_password=False)


class Settings(DatabaseSettings):
    """The gateway's configuration; reading it fails with a sentence when something is missing or weak."""

    broker_url: str = "redis://127.0.0.1:6379/0"
    broker_password_file: Path | None = None

    clinical_url: str = "http://127.0.0.1:8042"
    clinical_user: str = "gateway"
    clinical_password_file: Path
    research_url: str = "http://127.0.0.1:8043"
    research_user: str = "gateway"
    research_password_file: Path

    pseudonym_key_file: Path
    pseudonym_key_id: str = Field(default="key-1", pattern=_KEY_ID)
    pseudonym_retired_keys: str = Field(default="", pattern=rf"^({_RETIRED_KEY}(,{_RETIRED_KEY})*)?$")
    """Keys of before, newest first: ``key-1=/path,key-0=/path``. One stays as long as a patient lives under it."""
    pseudonym_profile: str = Field(default="mr", min_length=1)
    """Name of a profile that comes with Interval, or the path of a site's own profile file."""

    deface: bool = False
    """Remove faces and ears before images leave the clinical zone; what can't be treated is quarantined."""

    target_name: str = Field(default="pacs", pattern=r"^[A-Za-z0-9-]{1,32}$")
    target_kind: TargetKind = TargetKind.C_STORE
    target_host: str = "127.0.0.1"
    target_port: int = 4242
    target_aet: str = Field(default="PACS", max_length=16)
    own_aet: str = Field(default="INTERVAL", max_length=16)
    target_url: str = ""
    """DICOMweb root of the target, for STOW-RS."""
    target_user: str = ""
    target_password_file: Path | None = None
    target_tls: bool = False
    """DICOM over TLS to the target; it needs the three files of ``INTERVAL_DICOM_TLS_...``."""
    more_targets: tuple[TargetSettings, ...] = ()
    """Further places that every result goes to, as JSON:
    ``[{"name": "archive", "host": "10.0.0.8", "port": 104, "aet": "ARCHIVE"}]``, with the keys of `TargetSettings`."""
    commitment_port: int = Field(default=0, ge=0, le=65535)
    """Where PACS report that they keep what they were sent (storage commitment); 0: they are asked by query only."""
    commitment_host: str = "127.0.0.1"
    """Address on which is listened for those reports."""
    commitment_tls: bool = False
    """Whether they come over TLS; then nothing else is answered there."""
    commitment_wait_s: float = Field(default=120.0, gt=0)
    """How long a report is waited for before it is asked for once more, and at last read back instead."""

    routes: Path | None = None
    """The site's routes file; the one that comes with Interval unless given. See docs/routes.md."""
    quiet_time_s: float = Field(default=20.0, gt=0)
    """A study is complete when no image has come for so long and nothing is missing; a route may say otherwise."""
    longest_wait_s: float = Field(default=1800.0, ge=0)
    """How long after its last image a study that lacks something is waited for; a route may say otherwise."""

    pacs_kind: PacsKind = PacsKind.NONE
    """How earlier studies are fetched from a PACS; `none` looks for them in the clinical archive alone."""
    pacs_host: str = "127.0.0.1"
    pacs_port: int = 4242
    pacs_aet: str = Field(default="PACS", max_length=16)
    clinical_aet: str = Field(default="CLINICAL", max_length=16)
    """Where the PACS moves studies to; it must know this AE title as the clinical archive's."""
    pacs_url: str = ""
    """DICOMweb root of the PACS, for `dicomweb`."""
    pacs_user: str = ""
    pacs_password_file: Path | None = None
    pacs_tls: bool = False
    """DICOM over TLS to the PACS, for `c-move`."""
    dicom_tls_certificate_file: Path | None = None
    """Interval's own certificate for DICOM over TLS, as PEM."""
    dicom_tls_key_file: Path | None = None
    dicom_tls_authorities_file: Path | None = None
    """Certificates of those whose word about PACS is believed, as PEM."""
    dicom_tls_check_names: bool = True
    """Off where PACS have certificates that do not name their host."""
    prior_search_attempts: int = Field(default=6, ge=1)
    """How often a PACS that does not answer is asked before a study is taken for the first of its patient."""
    first_series_quiet_s: float = Field(default=2.0, gt=0)
    """On the fast track a study is begun when its required series is whole and no image of it came for so long."""
    lease_s: float = Field(default=120.0, gt=0)
    """How long a step may hold a case before another process may take it over."""
    job_lease_s: float = Field(default=300.0, gt=0)
    """How long a worker may be silent about a job before it is ordered again; it says something every 20 s."""
    watched_folders: str = ""
    """Folders whose disks must have room, with commas between; the database's and the temporary one unless given."""
    least_free_mb: int = Field(default=1024, ge=0)
    """With less room than this on one of them no new study is begun, until there is more again."""
    retention_days: float = Field(default=180.0, ge=0)
    """Research copies and intermediate results that nothing used for so long are removed; 0: never."""
    emergency_free_mb: int = Field(default=2048, ge=0)
    """With less room than this on a watched disk the oldest research copies go before their time; 0: never."""
    research_most_mb: int = Field(default=0, ge=0)
    """The same when the research archive takes more than this; 0: it may grow."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where this process answers /metrics, /health and /ready, beside the viewer's port and never behind its proxy; 0:
    nowhere. Each process of one host needs a port of its own."""
    traces_url: str = ""
    """OTLP/HTTP address that traces of each study's way are sent to; needs the extra `tracing`."""
    alert_webhook: str = ""
    """Address that alerts are posted to as JSON."""
    alert_webhook_token_file: Path | None = None
    """Sent to it as a bearer token."""
    alert_mail_to: str = ""
    """Addresses that alerts are mailed to, with commas between."""
    alert_mail_from: str = "interval@localhost"
    alert_smtp_host: str = "127.0.0.1"
    alert_smtp_port: int = Field(default=25, ge=1, le=65535)
    alert_smtp_tls: bool = False
    """Whether the mail server must speak STARTTLS."""
    alert_smtp_user: str = ""
    alert_smtp_password_file: Path | None = None
    alert_templates: Path | None = None
    """Folder of the site's own templates; those that come with Interval unless given. See docs/administration.md."""
    alert_after_s: float = Field(default=120.0, ge=0)
    """How long something must be wrong before somebody is told."""
    alert_again_h: float = Field(default=24.0, gt=0)
    """How often they are told again while it stays wrong."""
    watched_certificates: str = ""
    """PEM files whose expiry is watched, with commas between."""
    orders_ahead: int = Field(default=4, ge=1)
    """How many orders wait in each queue of the broker; what is not there yet can be paused and overtaken."""
    max_attempts: int = Field(default=3, ge=1)
    """How often a job is given to a worker."""
    max_step_attempts: int = Field(default=8, ge=1)
    """How often a step of the gateway is tried while an archive or the PACS is away."""
    reconcile_every_s: float = Field(default=600.0, gt=0)
    """How often the clinical archive's recent studies are compared with the cases, beside following its changes."""
    retry_base_s: float = Field(default=5.0, gt=0)

    time_zone: str = "UTC"
    """IANA name of the zone that the scanners' clocks show, as ``Europe/Berlin``: results are dated by it."""
    session_hours: float = Field(default=10.0, gt=0)
    session_idle_minutes: float = Field(default=60.0, gt=0)
    """A session ends when its person did nothing for so long; an open page alone does not keep it."""

    oidc_issuer: str = ""
    """Address of an OpenID Connect provider; without it there are local accounts alone."""
    oidc_name: str = "single sign-on"
    """What the sign-in page calls it."""
    oidc_client_id: str = "interval"
    oidc_client_secret_file: Path | None = None
    oidc_redirect_url: str = ""
    """``https://HOST/api/session/provider/callback``, as registered at the provider."""
    oidc_role_claim: str = "roles"
    """Claim of the ID token that holds a person's roles; with dots through nested ones: ``realm_access.roles``."""
    oidc_roles: str = Field(default="", pattern=rf"^({_ROLE}(,{_ROLE})*)?$")
    """Values of that claim and what they give, the first that fits: ``neuro-readers=reader,it-pacs=operator``."""
    report_language: Language = Language.ENGLISH
    """In which the report is drafted and its pages are written: en, de or fr."""
    identity_roles: str = Field(default="reader,technologist", pattern=rf"^({_ROLE_NAME}(,{_ROLE_NAME})*)?$")
    """Who is shown patients' names on lists and pages. Others see readable pseudonyms; an operator may ask for one
    patient's name, and the audit trail keeps that."""
    secure_cookies: bool = True
    """Off only on loopback without TLS, as in the demo."""
    viewer_dir: Path = Path("viewer/dist")

    @field_validator("time_zone")
    @classmethod
    def _of_a_known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
            raise ValueError("INTERVAL_TIME_ZONE is not the name of a time zone") from unknown
        return name

    @cached_property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.time_zone)

    @field_validator("clinical_url", "research_url", "pacs_url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @cached_property
    def oidc_client_secret(self) -> str:
        """Of Interval's client at the identity provider."""
        if self.oidc_client_secret_file is None:
            raise ValueError("an identity provider needs INTERVAL_OIDC_CLIENT_SECRET_FILE")
        return read_secret(self.oidc_client_secret_file, at_least=12)

    @cached_property
    def clinical_password(self) -> str:
        """Of the gateway's account at the clinical archive."""
        return read_secret(self.clinical_password_file, at_least=12)

    @cached_property
    def research_password(self) -> str:
        """Of the gateway's account at the research archive."""
        return read_secret(self.research_password_file, at_least=12)

    @cached_property
    def pseudonym_key(self) -> bytes:
        """Master key from which the keys for pseudonyms, UIDs, date shifts and the vault are derived."""
        return read_secret(self.pseudonym_key_file, at_least=32).encode()

    @cached_property
    def retired_keys(self) -> tuple[tuple[bytes, str], ...]:
        """Secrets of before with their key ids, newest first."""
        pairs = (entry.split("=") for entry in self.pseudonym_retired_keys.split(",") if entry)
        return tuple((read_secret(Path(path), at_least=32).encode(), key_id) for key_id, path in pairs)

    @property
    def targets(self) -> tuple[TargetSettings, ...]:
        """Every place that results go to, the first one named by ``INTERVAL_TARGET_...``."""
        first = TargetSettings(
            name=self.target_name,
            kind=self.target_kind,
            host=self.target_host,
            port=self.target_port,
            aet=self.target_aet,
            url=self.target_url,
            user=self.target_user,
            password_file=self.target_password_file,
            tls=self.target_tls,
        )
        return (first, *self.more_targets)

    @cached_property
    def broker(self) -> str:
        """The broker's address, with its password when that is in a file. Never log it."""
        return verified(with_password(self.broker_url, self.broker_password_file))

    @cached_property
    def dicom_tls(self) -> TlsFiles | None:
        """Interval's identity for DICOM over TLS; none unless its three files are given."""
        files = (self.dicom_tls_certificate_file, self.dicom_tls_key_file, self.dicom_tls_authorities_file)
        certificate, key, authorities = files
        if certificate is None or key is None or authorities is None:
            return None
        return TlsFiles(certificate, key, authorities, self.dicom_tls_check_names)

    def calling_tls(self, wanted: bool) -> ssl.SSLContext | None:
        """Return what an association that Interval opens needs for TLS; none where it is not wanted."""
        return self.dicom_tls.calling() if wanted and self.dicom_tls is not None else None

    @model_validator(mode="after")
    def _with_an_identity_for_tls(self) -> Self:
        wanted = self.pacs_tls or self.commitment_tls or any(target.tls for target in self.targets)
        if wanted and self.dicom_tls is None:
            raise ValueError(
                "DICOM over TLS needs INTERVAL_DICOM_TLS_CERTIFICATE_FILE, ..._KEY_FILE, ..._AUTHORITIES_FILE"
            )
        return self

    @model_validator(mode="after")
    def _with_targets_told_apart(self) -> Self:
        names = [self.target_name, *(target.name for target in self.more_targets)]
        if len(set(names)) < len(names):
            raise ValueError("two targets have the same name")
        return self

    @cached_property
    def pacs_password(self) -> str:
        """Of Interval's account at the DICOMweb server of the PACS; empty when it needs none."""
        return read_secret(self.pacs_password_file, at_least=12) if self.pacs_password_file is not None else ""
