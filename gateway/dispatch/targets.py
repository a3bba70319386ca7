"""From the settings to the target."""

from __future__ import annotations

from gateway.association import PacsNode
from gateway.dispatch.c_store import CStoreTarget
from gateway.dispatch.qido_rs import QidoRs
from gateway.dispatch.stow_rs import StowRsTarget
from gateway.dispatch.target import Target
from gateway.settings import Settings, TargetKind


def make_target(settings: Settings) -> Target:
    """Build the target that the settings describe.

    Raises
    ------
    ValueError
        If a setting that this kind of target needs is missing.
    """
    if settings.target_kind is TargetKind.STOW_RS:
        if not settings.target_url:
            raise ValueError("a STOW-RS target needs INTERVAL_TARGET_URL")
        return StowRsTarget(settings.target_name, settings.target_url, settings.target_user, settings.target_password)
    node = PacsNode(settings.target_host, settings.target_port, settings.target_aet, settings.own_aet)
    qido = None
    if settings.target_url:
        password = settings.target_password if settings.target_user else ""
        qido = QidoRs(settings.target_url, settings.target_user, password)
    return CStoreTarget(settings.target_name, node, qido)
