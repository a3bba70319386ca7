"""The gateway's HTTP process: the API and the viewer.

``python -m gateway.main --host 127.0.0.1 --port 8080`` serves; ``python -m gateway.main --openapi`` prints the
schema from which the viewer's client is generated.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI
from pydantic import ValidationError

from gateway import flow
from gateway.access.basic import BasicAuthentication
from gateway.access.oidc import IdentityProvider, ProviderSettings
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.api import (
    audit,
    cases,
    corrections,
    edits,
    explanation,
    health,
    images,
    intake,
    operations,
    releases,
    report,
    review,
    session,
    study,
    technologist,
    timeline,
)
from gateway.api.deps import ApiState
from gateway.api.probes import (
    HealthProbes,
    archive_probe,
    broker_probe,
    database_probe,
    disk_probe,
    target_probe,
    workers_probe,
)
from gateway.api.problems import add_problem_handlers, problems
from gateway.api.security import BodyLimit, SecurityHeaders
from gateway.api.spa import Viewer
from gateway.db.engine import session_factory, upgrade
from gateway.intake.quarantine import QuarantineCipher
from gateway.intake.receive import Intake
from gateway.jobs.gates import target_gate
from gateway.log import configure_logging
from gateway.metrics.expose import expose_api
from gateway.review.images import ReviewImages
from gateway.settings import Settings
from processing.dicom.archive import DicomWebArchive
from processing.dicom.provenance import SOFTWARE_VERSION

_ROUTERS = (
    session.router,
    cases.router,
    explanation.router,
    corrections.router,
    images.router,
    review.router,
    report.router,
    timeline.router,
    audit.router,
    study.router,
    edits.router,
    intake.router,
    operations.router,
    technologist.router,
    releases.router,
    health.router,
)


def create_app(
    settings: Settings, *, services: flow.Services | None = None, passwords: Passwords | None = None
) -> FastAPI:
    """Build the application; what it needs is opened when it starts and closed when it stops.

    Parameters
    ----------
    settings : Settings
    services : Services, optional
        Built from the settings unless given.
    passwords : Passwords, optional
        With argon2's usual cost unless given.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        built = services or flow.build_services(settings)
        with DicomWebArchive(
            f"{settings.clinical_url}/dicom-web", settings.clinical_user, settings.clinical_password
        ) as clinical:
            app.state.api = _api_state(settings, built, passwords or Passwords(), clinical)
            probes = app.state.probes = _probes(settings, built)
            exposition = expose_api(built, probes.wrong)
            yield
            if exposition is not None:
                exposition.stop()
            probes.close()
        if services is None:
            built.engine.dispose()

    app = _application(lifespan)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, https=settings.secure_cookies)
    app.mount("/", Viewer(settings.viewer_dir), name="viewer")
    return app


def openapi() -> dict[str, object]:
    """Return the API's schema; needs no settings and opens nothing."""
    return _application(None).openapi()


def _application(lifespan: object) -> FastAPI:
    app = FastAPI(
        title="Interval",
        summary="Longitudinal brain MR between the PACS and the radiologist. Research use, not a medical device.",
        version=SOFTWARE_VERSION,
        lifespan=lifespan,  # type: ignore[arg-type]  # an async context manager or None, both of which it takes
        docs_url=None,  # the pages of FastAPI load scripts from another site
        redoc_url=None,
        openapi_url=None,
    )
    api = APIRouter(prefix="/api", responses=problems(400, 408, 413, 422))
    for router in _ROUTERS:
        api.include_router(router)
    app.include_router(api)
    add_problem_handlers(app)
    return app


def _api_state(
    settings: Settings, services: flow.Services, passwords: Passwords, clinical: DicomWebArchive
) -> ApiState:
    return ApiState(
        services=services,
        read_sessions=session_factory(services.engine, read_only=True),
        passwords=passwords,
        basic=BasicAuthentication(services.sessions, passwords),
        images=ReviewImages(services.research),
        intake=Intake(
            services.sessions,
            clinical,
            QuarantineCipher(settings.pseudonym_key, settings.pseudonym_key_id, settings.retired_keys),
        ),
        session_lifetime=timedelta(hours=settings.session_hours),
        session_idle=timedelta(minutes=settings.session_idle_minutes),
        provider=_provider(settings),
        provider_name=settings.oidc_name,
        sees_identity=frozenset(Role(name) for name in settings.identity_roles.split(",") if name),
        secure_cookies=settings.secure_cookies,
    )


def _provider(settings: Settings) -> IdentityProvider | None:
    """Return the client of the site's identity provider, if it has one."""
    if not settings.oidc_issuer:
        return None
    pairs = (entry.split("=") for entry in settings.oidc_roles.split(",") if entry)
    provider = ProviderSettings(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        redirect_uri=settings.oidc_redirect_url,
        role_claim=settings.oidc_role_claim,
        roles={value.strip(): Role(role) for value, role in pairs},
    )
    return IdentityProvider(provider, httpx.Client())


def _probes(settings: Settings, services: flow.Services) -> HealthProbes:
    return HealthProbes(
        {
            "database": database_probe(session_factory(services.engine, read_only=True)),
            "broker": broker_probe(settings.broker),
            "clinical archive": archive_probe(
                settings.clinical_url, settings.clinical_user, settings.clinical_password
            ),
            "research archive": archive_probe(
                settings.research_url, settings.research_user, settings.research_password
            ),
        }
        | {"disk": disk_probe(settings), "workers": workers_probe(settings.broker)}
        | {target_gate(target.name): target_probe(target.echo) for target in services.targets}
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway.main", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--openapi", action="store_true", help="print the API's schema and end")
    parser.add_argument("--tls-certificate", type=Path, help="PEM file; with it the gateway serves https itself")
    parser.add_argument("--tls-key", type=Path, help="PEM file")
    options = parser.parse_args(arguments)
    if options.openapi:
        sys.stdout.write(json.dumps(openapi(), indent=2, sort_keys=True) + "\n")
        return 0
    try:
        settings = Settings()
        services = flow.build_services(settings)
    except ValidationError as invalid:
        wrong = ", ".join(sorted({str(error["loc"][0]) for error in invalid.errors()}))
        sys.stderr.write(f"The settings are incomplete or wrong: {wrong}\n")
        return 2
    except ValueError as wrong_secret:
        sys.stderr.write(f"The settings are wrong: {wrong_secret}\n")
        return 2
    configure_logging()
    upgrade(settings.database)
    try:
        flow.require_known_keys(services)
    except ValueError as missing_key:
        sys.stderr.write(f"The settings are wrong: {missing_key}\n")
        return 2
    # No access log: addresses hold case ids, and the events say who did what.
    uvicorn.run(
        create_app(settings, services=services),
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
