"""Everything that a step needs, put together in one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from gateway.clinical import ClinicalArchive
from gateway.db.engine import make_engine, session_factory
from gateway.db.vault_rows import ReadOnlyVaultRows, VaultRows, unknown_key_ids
from gateway.defacing import Defacer
from gateway.dispatch.target import Target
from gateway.dispatch.targets import make_targets
from gateway.jobs.outcome import RetryPolicy
from gateway.jobs.store import utc_now
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing, WeakSecret
from gateway.pseudonymise.profile import load_profile
from gateway.pseudonymise.vault import Vault
from gateway.research import ResearchCopies
from gateway.retrieve.source import PriorSource
from gateway.retrieve.sources import make_source
from gateway.routes.load import load_routes
from gateway.routes.model import RouteTable
from gateway.sealing import Seal
from gateway.settings import Settings
from processing.dicom.archive import DicomArchive, DicomWebArchive
from processing.pipelines.registry import SPECS
from processing.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class Services:
    """What the steps of the flow work with.

    Parameters
    ----------
    settings : Settings
    engine : Engine
    sessions : sessionmaker
        Sessions that write.
    clinical : ClinicalArchive
        The identified zone.
    research : DicomArchive
        The pseudonymous zone.
    copies : ResearchCopies
        What is removed there when a patient was merged.
    pseudonymiser : Pseudonymiser
    keys : KeyRing
    vault : Vault
        To read; who writes uses `vault_in`.
    targets : sequence of Target
        Where signed results go, all of them.
    specs : sequence of PipelineSpec
        The pipelines that are installed.
    routes : RouteTable
        Which studies go to which of them, and how.
    clock : callable
        Returns the present time with its zone.
    """

    settings: Settings
    engine: Engine
    sessions: sessionmaker[Session]
    clinical: ClinicalArchive
    research: DicomArchive
    copies: ResearchCopies
    pseudonymiser: Pseudonymiser
    keys: KeyRing
    vault: Vault
    targets: Sequence[Target]
    specs: Sequence[PipelineSpec]
    routes: RouteTable
    prior_source: PriorSource | None = None
    """The PACS that earlier studies are fetched from; none when the clinical archive alone is looked in."""
    defacer: Defacer | None = None
    """Removes faces; none when the site does not ask for it."""
    clock: Callable[[], datetime] = utc_now

    def vault_in(self, session: Session) -> Vault:
        """Return the vault as a part of a transaction: what it is given is kept if, and only if, that commits."""
        return Vault(VaultRows(session), self.keys)

    @cached_property
    def seal(self) -> Seal:
        """Closes and opens what people type."""
        settings = self.settings
        return Seal(settings.pseudonym_key, settings.pseudonym_key_id, settings.retired_keys)

    @property
    def job_policy(self) -> RetryPolicy:
        """How often a job is given to a worker."""
        return RetryPolicy(self.settings.max_attempts, self.settings.retry_base_s)

    @property
    def step_policy(self) -> RetryPolicy:
        """How often a step of the gateway is tried."""
        return RetryPolicy(self.settings.max_step_attempts, self.settings.retry_base_s)


def require_known_keys(services: Services) -> None:
    """Refuse to start when the database holds rows of a key that the gateway was not given.

    Without it their patients would be taken for new ones, and be given a second pseudonym.

    Raises
    ------
    WeakSecret
        Naming the ids of the keys that are missing.
    """
    known = [keys.key_id for keys in services.keys.all]
    with services.sessions() as session:
        missing = unknown_key_ids(session, known)
    if missing:
        raise WeakSecret(f"the database holds rows of keys that are not given: {', '.join(sorted(missing))}")


def build_services(settings: Settings) -> Services:
    """Compose the gateway from its settings. Connects to nothing yet."""
    engine = make_engine(settings.database)
    sessions = session_factory(engine)
    keys = KeyRing.from_secret(settings.pseudonym_key, settings.pseudonym_key_id).with_retired(settings.retired_keys)
    vault = Vault(ReadOnlyVaultRows(session_factory(engine, read_only=True)), keys)
    # With a single key there is no choice, and no reason to ask the database for every patient.
    key_choice = vault.key_of if keys.retired else None
    clinical = ClinicalArchive(
        settings.clinical_url,
        settings.clinical_user,
        settings.clinical_password,
        measured=frozenset(series.role.modality for spec in SPECS for series in spec.inputs),
    )
    return Services(
        settings=settings,
        engine=engine,
        sessions=sessions,
        clinical=clinical,
        research=DicomWebArchive(
            f"{settings.research_url}/dicom-web", settings.research_user, settings.research_password
        ),
        copies=ResearchCopies(settings.research_url, settings.research_user, settings.research_password),
        pseudonymiser=Pseudonymiser(keys, load_profile(settings.pseudonym_profile), key_choice),
        keys=keys,
        vault=vault,
        targets=make_targets(settings),
        specs=SPECS,
        prior_source=make_source(settings, clinical),
        routes=load_routes(settings.routes, SPECS, [target.name for target in settings.targets]),
        defacer=Defacer() if settings.deface else None,
    )
