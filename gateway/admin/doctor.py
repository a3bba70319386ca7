"""Looks at everything that an installation needs and says what to do where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic import ValidationError

from gateway import flow
from gateway.admin import checks, neighbours
from gateway.admin.findings import Finding, bad, good, warning
from gateway.flow import Services
from gateway.settings import Settings

OF_SETTINGS: tuple[Callable[[Settings], Finding], ...] = (
    checks.check_secret_files,
    checks.check_database,
    checks.check_clocks,
    checks.check_disks,
    checks.check_certificates,
    neighbours.check_archives,
    neighbours.check_broker,
    neighbours.check_consumers,
    neighbours.check_prior_source,
    neighbours.check_from_pacs,
)
"""Checks that look at nothing in the database."""

OF_SERVICES: tuple[Callable[[Services], Finding], ...] = (
    checks.check_keys,
    checks.check_audit_trail,
    checks.check_backups,
    neighbours.check_targets,
)
"""Checks that need the tables to be this version's."""


def check_configuration() -> tuple[Settings | None, Finding]:
    """Read the settings, the secrets and the routes as the gateway does when it starts."""
    do = "Every setting stands in gateway/settings.py with its meaning; docs/routes.md explains routes."
    try:
        settings = Settings()
        services = flow.build_services(settings)
    except ValidationError as invalid:
        wrong = ", ".join(sorted({f"INTERVAL_{error['loc'][0]}".upper() for error in invalid.errors() if error["loc"]}))
        return None, bad("configuration", f"Missing or wrong: {wrong or 'the targets'}.", do)
    except ValueError as wrong_value:
        return None, bad("configuration", f"{wrong_value}.", do)
    services.engine.dispose()
    routes, targets = services.routes.routes, services.targets
    named = [
        f"{words}: {', '.join(one.name for one in of)}" for words, of in (("routes", routes), ("targets", targets))
    ]
    return settings, good("configuration", f"Complete; {'; '.join(named)}.")


def examine() -> Iterator[Finding]:
    """Yield what each check finds; without a configuration there is nothing else to look at."""
    settings, configuration = check_configuration()
    yield configuration
    if settings is None:
        return
    database_is_good = False
    for check in OF_SETTINGS:
        finding = check(settings)
        database_is_good |= finding == good("database", finding.says)
        yield finding
    if not database_is_good:
        yield warning(
            "the rest", "Keys, audit trail, backups and targets were not looked at.", "Mend the database first."
        )
        return
    services = flow.build_services(settings)
    try:
        for examine_one in OF_SERVICES:
            yield examine_one(services)
    finally:
        services.engine.dispose()
