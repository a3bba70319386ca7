"""What the gateway depends on."""

from __future__ import annotations

from gateway.api.schemas.body import Body


class ComponentHealth(Body):
    """One thing that the gateway depends on."""

    name: str
    ready: bool
    detail: str


class Health(Body):
    """Ready when every component is."""

    ready: bool
    version: str
    components: list[ComponentHealth]
