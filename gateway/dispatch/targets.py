"""From the settings to the targets."""

from __future__ import annotations

from gateway.association import PacsNode
from gateway.dispatch.c_store import CStoreTarget
from gateway.dispatch.hl7_oru import OruTarget
from gateway.dispatch.qido_rs import QidoRs
from gateway.dispatch.stow_rs import StowRsTarget
from gateway.dispatch.target import Target
from gateway.settings import Settings, TargetKind, TargetSettings


def make_targets(settings: Settings) -> tuple[Target, ...]:
    """Build the targets that the settings describe.

    Raises
    ------
    ValueError
        If a setting that a target's kind needs is missing.
    """
    commits = settings.commitment_port > 0
    return tuple(_target(chosen, settings, commits=commits) for chosen in settings.targets)


def _target(chosen: TargetSettings, settings: Settings, *, commits: bool) -> Target:
    if chosen.kind is TargetKind.STOW_RS:
        if not chosen.url:
            raise ValueError(f"the STOW-RS target {chosen.name} needs its DICOMweb address")
        return StowRsTarget(chosen.name, chosen.url, chosen.user, chosen.password)
    if chosen.kind is TargetKind.HL7_ORU:
        tls = settings.calling_tls(chosen.tls)
        return OruTarget(chosen.name, PacsNode(chosen.host, chosen.port, chosen.aet, settings.own_aet, tls))
    node = PacsNode(chosen.host, chosen.port, chosen.aet, settings.own_aet, settings.calling_tls(chosen.tls))
    qido = None
    if chosen.url:
        qido = QidoRs(chosen.url, chosen.user, chosen.password if chosen.user else "")
    return CStoreTarget(chosen.name, node, qido, commits=commits)
