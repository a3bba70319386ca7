"""Whether the gateway and what it depends on are up."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, status

from gateway.api.deps import ANYONE
from gateway.api.probes import HealthProbes
from gateway.api.schemas import Health
from processing.dicom.provenance import SOFTWARE_VERSION

router = APIRouter(tags=["health"])

NEEDED_TO_SERVE = frozenset({"database", "clinical archive", "research archive"})
"""Work waits in the database while anything else is away; that must not take the viewer away from its readers."""


@router.get("/health", operation_id="getHealth", dependencies=[ANYONE])
def get_health(request: Request) -> Health:
    """Tell the state of each component."""
    components = _probes(request).components()
    return Health(
        ready=all(component.ready for component in components), version=SOFTWARE_VERSION, components=list(components)
    )


@router.get(
    "/ready",
    operation_id="getReady",
    dependencies=[ANYONE],
    response_class=Response,
    responses={200: {"description": "Ready to serve."}, 503: {"description": "Not ready."}},
)
def get_ready(request: Request) -> Response:
    """Tell an orchestrator whether to send requests here."""
    needed = [part for part in _probes(request).components() if part.name in NEEDED_TO_SERVE]
    ready = all(part.ready for part in needed)
    return Response(status_code=status.HTTP_200_OK if ready else status.HTTP_503_SERVICE_UNAVAILABLE)


def _probes(request: Request) -> HealthProbes:
    probes = request.app.state.probes
    if not isinstance(probes, HealthProbes):
        raise TypeError("the application was started without probes")
    return probes
