"""From the settings to the PACS that earlier studies are fetched from."""

from __future__ import annotations

from gateway.association import PacsNode
from gateway.clinical import ClinicalArchive
from gateway.retrieve.c_move import CMoveSource
from gateway.retrieve.dicomweb import DicomWebSource
from gateway.retrieve.source import PriorSource
from gateway.settings import PacsKind, Settings


def make_source(settings: Settings, clinical: ClinicalArchive) -> PriorSource | None:
    """Build the source that the settings describe; none when no PACS is asked.

    Raises
    ------
    ValueError
        If a setting that this kind of PACS needs is missing.
    """
    if settings.pacs_kind is PacsKind.NONE:
        return None
    if settings.pacs_kind is PacsKind.C_MOVE:
        tls = settings.calling_tls(settings.pacs_tls)
        node = PacsNode(settings.pacs_host, settings.pacs_port, settings.pacs_aet, settings.own_aet, tls)
        return CMoveSource(node, settings.clinical_aet)
    if not settings.pacs_url:
        raise ValueError("a PACS that is asked by DICOMweb needs INTERVAL_PACS_URL")
    return DicomWebSource(settings.pacs_url, settings.pacs_user, settings.pacs_password, clinical.add)
