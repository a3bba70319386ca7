"""The doctor's checks of what surrounds the gateway: archives, broker, who takes orders, and the PACS both ways."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from gateway.admin.findings import Finding, bad, good, warning
from gateway.api.probes import archive_probe
from gateway.association import PacsNode
from gateway.flow import Services
from gateway.pacs import echo
from gateway.settings import PacsKind, Settings, TargetKind
from processing.authorities import believed, not_believed
from processing.domain.errors import IntervalError
from processing.domain.messages import FAST_TRACK_QUEUE, GATEWAY_QUEUE, PIPELINE_QUEUE

_TIMEOUT_S = 5.0
_CERTIFICATES = (
    " Over TLS both sides must believe each other's certificate: INTERVAL_DICOM_TLS_AUTHORITIES_FILE must hold the "
    "authority of the PACS, the PACS must hold Interval's, and the certificate of the PACS must name its host."
)
_AUTHORITIES = "A certificate must name the host and come from an authority in the file that SSL_CERT_FILE names."
_TAKERS = {
    GATEWAY_QUEUE: "the gateway's background process (python -m gateway.tasks)",
    PIPELINE_QUEUE: "a worker for routine orders (python -m processing.worker)",
    FAST_TRACK_QUEUE: "a worker for the fast track",
}


def check_archives(settings: Settings) -> Finding:
    """Both archives answer to the gateway's accounts."""
    accounts = {
        "clinical archive": (settings.clinical_url, settings.clinical_user, settings.clinical_password),
        "research archive": (settings.research_url, settings.research_user, settings.research_password),
    }
    wrong = {name: said for name, account in accounts.items() if (said := archive_probe(*account)())}
    if wrong:
        return bad(
            "archives",
            " ".join(f"{name}: {said}" for name, said in wrong.items()),
            f"Start it (its log says why it does not), or give it the password that the gateway has. {_AUTHORITIES}",
        )
    if settings.clinical_password == settings.research_password:
        return warning(
            "archives",
            "Both have the same password.",
            "Give each archive a password of its own: the zones are separate.",
        )
    return good("archives", "Both answer to the gateway's accounts.")


def check_broker(settings: Settings) -> Finding:
    """Redis answers and keeps its queues on the disk."""
    try:
        with redis.Redis.from_url(settings.broker, socket_timeout=_TIMEOUT_S) as broker:
            kept = broker.config_get("appendonly").get("appendonly")
    except (redis.RedisError, OSError, ValueError) as away:
        if not_believed(away):
            return bad("broker", "The broker's certificate is not believed.", _AUTHORITIES)
        return bad("broker", "The broker does not answer.", "Start Redis; work waits in the database until then.")
    if kept != "yes":
        return warning(
            "broker",
            "Redis keeps no append-only file: killed, it forgets its queues, and jobs are ordered again late.",
            "Start it with --appendonly yes.",
        )
    return good("broker", "It answers and keeps an append-only file.")


def check_consumers(settings: Settings) -> Finding:
    """Somebody takes from every queue."""
    asking = Celery("doctor", broker=settings.broker, set_as_current=False)
    asking.conf.update(broker_transport_options={"socket_connect_timeout": _TIMEOUT_S, "socket_timeout": _TIMEOUT_S})
    try:
        found = asking.control.inspect(timeout=2.0).active_queues() or {}
    except (OperationalError, redis.RedisError, OSError):
        return bad("queues", "They can't be asked without the broker.", "Start the broker.")
    served = {str(queue["name"]) for queues in found.values() for queue in queues}
    missing = [words for queue, words in _TAKERS.items() if queue not in served]
    if missing:
        return bad("queues", f"Nobody answers who is {' or '.join(missing)}.", "Start it; orders wait meanwhile.")
    return good("queues", f"Each of {len(_TAKERS)} queues has somebody who takes from it.")


def check_targets(services: Services) -> Finding:
    """Interval reaches every target: C-ECHO, or a request to the DICOMweb root."""
    wrong = []
    for target in services.targets:
        try:
            target.echo()
        except IntervalError as error:
            wrong.append(f"{target.name}: {error.reason}")
    if wrong:
        return bad(
            "to the PACS",
            " ".join(wrong),
            "Look at INTERVAL_TARGET_HOST, _PORT, _AET and _TLS; the PACS must know INTERVAL_OWN_AET at this machine's "
            f"address as a sender.{_CERTIFICATES}",
        )
    return good("to the PACS", f"All answer: {', '.join(target.name for target in services.targets)}.")


def check_prior_source(settings: Settings) -> Finding:
    """The PACS that earlier studies come from answers."""
    if settings.pacs_kind is PacsKind.NONE:
        return good("earlier studies", "They are looked for in the clinical archive alone.")
    if settings.pacs_kind is PacsKind.DICOMWEB:
        return _answers("earlier studies", settings.pacs_url)
    tls = settings.calling_tls(settings.pacs_tls)
    node = PacsNode(settings.pacs_host, settings.pacs_port, settings.pacs_aet, settings.own_aet, tls)
    try:
        echo(node)
    except IntervalError as error:
        return bad(
            "earlier studies",
            error.reason,
            "Look at INTERVAL_PACS_HOST, _PORT, _AET and _TLS; the PACS must know INTERVAL_OWN_AET at this machine's "
            f"address.{_CERTIFICATES}",
        )
    return good("earlier studies", "The PACS answers.")


def _answers(check: str, url: str) -> Finding:
    try:
        httpx.get(url, timeout=_TIMEOUT_S, verify=believed(), trust_env=False)
    except httpx.HTTPError:
        return bad(check, "The PACS's DICOMweb address does not answer.", "Look at INTERVAL_PACS_URL.")
    return good(check, "The PACS's DICOMweb address answers.")


def check_from_pacs(settings: Settings) -> Finding:
    """What the PACS sends gets in: the clinical archive listens and knows it, and so does the listener for reports."""
    wrong = list(_what_keeps_the_pacs_out(settings))
    if wrong:
        return bad(
            "from the PACS",
            " ".join(wrong),
            "Let the clinical archive and the gateway's background process run; name the PACS in ORTHANC_MODALITIES.",
        )
    return good("from the PACS", "The ports that it sends to listen, and it is known there.")


def _what_keeps_the_pacs_out(settings: Settings) -> Iterator[str]:
    account = (settings.clinical_user, settings.clinical_password)
    with httpx.Client(
        base_url=settings.clinical_url, auth=account, timeout=_TIMEOUT_S, verify=believed(), trust_env=False
    ) as archive:
        try:
            system = archive.get("/system").raise_for_status().json()
            modalities = archive.get("/modalities?expand").raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            yield "The clinical archive does not answer."
            return
    host = urlsplit(settings.clinical_url).hostname or "127.0.0.1"
    try:
        socket.create_connection((host, int(system["DicomPort"])), timeout=_TIMEOUT_S).close()
    except OSError:
        yield "Nobody listens on the clinical archive's DICOM port."
    if settings.pacs_kind is PacsKind.C_MOVE and settings.pacs_aet not in {one["AET"] for one in modalities.values()}:
        yield f"The clinical archive does not know the AE title {settings.pacs_aet}: it refuses the earlier studies."
    if settings.commitment_port:
        yield from _why_reports_stay_out(settings)


def _why_reports_stay_out(settings: Settings) -> Iterator[str]:
    """Call the listener for reports as the first C-STORE target would."""
    callers = [target.aet for target in settings.targets if target.kind is TargetKind.C_STORE]
    if not callers:
        return
    host = "127.0.0.1" if settings.commitment_host in ("", "0.0.0.0") else settings.commitment_host  # noqa: S104 - compared
    tls = None
    if settings.commitment_tls and settings.dicom_tls is not None:
        # Our own certificate names this machine as PACS call it, and need not name the address that is called here.
        tls = replace(settings.dicom_tls, check_names=False).calling()
    try:
        echo(PacsNode(host, settings.commitment_port, settings.own_aet, callers[0], tls))
    except IntervalError as error:
        yield f"Reports of storage commitment can't come in: {error.reason}"
