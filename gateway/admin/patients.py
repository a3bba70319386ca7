"""Commands about one patient: erasure and legal holds."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from gateway import flow
from gateway.admin import forgotten
from gateway.admin.backup import ACTOR, known_backups
from gateway.flow import Services
from gateway.pseudonymise.identity import PatientIdentity
from processing.domain.errors import InputRejected


def identity_of(options: argparse.Namespace) -> PatientIdentity:
    """Return the patient that a command is about."""
    return PatientIdentity(options.patient, options.issuer)


def erase(services: Services, options: argparse.Namespace) -> list[str]:
    """Erase a patient, or, without a confirmation, say what would be erased; returns what to print.

    Raises
    ------
    InputRejected
        If the confirmation is another patient's, or a legal hold stands.
    """
    identity = identity_of(options)
    known = flow.what_is_known(services, identity)
    name = services.pseudonymiser.pseudonym(identity)
    if not options.confirm:
        return [
            f"This patient is {name}: {known.cases} cases, {known.studies} studies, {known.uploads} quarantined files.",
            "Erased are: images in both archives, rows of the database and the vault. What the PACS holds stays there.",
            f"To erase them for good, run the command again with --confirm {name}",
        ]
    if options.confirm != name:
        raise InputRejected("The confirmation is not this patient's pseudonym; nothing was erased.")
    done = flow.erase_patient(services, identity, actor=options.by or ACTOR)
    lines = [f"Erased: {done.cases} cases of {done.studies} studies, {done.uploads} quarantined files."]
    return lines + _in_backups(services, done.pseudonyms)


def _in_backups(services: Services, pseudonyms: frozenset[str]) -> list[str]:
    """Keep the erasure beside the backups, and say which of them still hold the patient."""
    backups = known_backups(services.settings)
    if not backups:
        return ["No backup is known that holds them."]
    roots = {Path(backup.folder).parent for backup in backups}
    away = forgotten.note(roots, pseudonyms, datetime.now(UTC))
    lines = ["These backups may still hold them. Destroy each, then: python -m gateway.admin forget-backup NUMBER"]
    lines += [f"  {one.backup_id}  {one.made_at:%Y-%m-%d %H:%M} UTC  {one.folder}" for one in backups]
    lines.append("A restore from one of them erases the patient again.")
    if away:
        lines.append("It does not know of it where the folder of backups could not be written:")
        lines += [f"  {root}: put a copy of {forgotten.FORGOTTEN} there" for root in sorted(away)]
    return lines


def set_hold(services: Services, options: argparse.Namespace) -> list[str]:
    """Set a legal hold."""
    name = services.pseudonymiser.pseudonym(identity_of(options))
    flow.hold(services, name, actor=options.by or ACTOR, reason=options.reason)
    return [f"Nothing of {name} is removed until the hold is lifted."]


def lift_hold(services: Services, options: argparse.Namespace) -> list[str]:
    """Lift the legal holds on a patient."""
    name = services.pseudonymiser.pseudonym(identity_of(options))
    count = flow.lift_hold(services, name, actor=options.by or ACTOR)
    return [f"{count} legal hold{'s' * (count > 1)} on {name} lifted."]
