"""Administer an installation: ``python -m gateway.admin backup | restore | upgrade | doctor | erase | ...``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from gateway import flow
from gateway.admin import patients
from gateway.admin.backup import known_backups, make_backup, note_backup
from gateway.admin.doctor import examine
from gateway.admin.findings import Verdict
from gateway.admin.manifest import verify
from gateway.admin.restore import restore, restore_secrets
from gateway.admin.upgrade import upgrade_with_backup
from gateway.db.engine import make_engine, session_factory
from gateway.db.tables import Backup
from gateway.flow import Services
from gateway.settings import Settings
from processing.domain.errors import InputRejected, IntervalError

_MARKS = {Verdict.GOOD: "ok  ", Verdict.WARNING: "look", Verdict.BAD: "BAD "}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 0 when it did what it says, 1 when not, 2 when the settings are wrong."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except IntervalError as error:
        sys.stderr.write(f"{error.reason}\n")
        return 1
    except ValidationError as invalid:
        wrong = ", ".join(sorted({str(error["loc"][0]) for error in invalid.errors() if error["loc"]}))
        sys.stderr.write(f"The settings are incomplete or wrong: {wrong}\n")
        return 2
    except ValueError as wrong_value:
        sys.stderr.write(f"The settings are wrong: {wrong_value}\n")
        return 2


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def _backup(options: argparse.Namespace) -> int:
    settings = Settings()
    passphrase = _passphrase(options.secrets_passphrase_file)
    made = make_backup(settings, options.folder, images=not options.database_only, passphrase=passphrase)
    note_backup(settings, made)
    counts = ", ".join(f"{count} files of the {name} archive" for name, count in made.manifest.instances.items())
    _say(f"{made.folder}: the database{', ' if counts else ''}{counts}; {made.manifest.size_bytes / 1e6:.1f} MB.")
    if not passphrase:
        _say("The secrets are not in it. Keep the pseudonym key elsewhere: without it no row of the vault opens.")
    return 0


def _verify(options: argparse.Namespace) -> int:
    manifest = verify(options.folder)
    _say(f"Whole: {sum(manifest.instances.values())} images, tables of revision {manifest.schema_revision}.")
    return 0


def _restore(options: argparse.Namespace) -> int:
    if options.secrets_into is not None:
        names = restore_secrets(options.folder, _passphrase(options.secrets_passphrase_file), into=options.secrets_into)
        _say(f"{len(names)} secrets are in {options.secrets_into}. Point the settings to them, then restore the rest.")
        return 0
    manifest = restore(Settings(), options.folder, say=_say, replace_database=options.replace_database)
    _say(f"Restored to {manifest.made_at:%Y-%m-%d %H:%M} UTC. Run doctor, then start the gateway and the workers.")
    return 0


def _upgrade(options: argparse.Namespace) -> int:
    done = upgrade_with_backup(Settings(), options.backup_to)
    if done.before == done.after:
        _say(f"The tables are of revision {done.after} already; nothing was done.")
        return 0
    if done.backup is not None:
        _say(f"Backup: {done.backup.folder}. Back: install the version of before, then")
        _say(f"  python -m gateway.admin restore --replace-database {done.backup.folder}")
    _say(f"The tables went from revision {done.before or 'none'} to {done.after}.")
    return 0


def _doctor(_: argparse.Namespace) -> int:
    worst = 0
    for finding in examine():
        _say(f"{_MARKS[finding.verdict]}  {finding.check}: {finding.says}")
        if finding.do:
            _say(f"      -> {finding.do}")
        worst |= finding.verdict is Verdict.BAD
    return int(worst)


def _backups(_: argparse.Namespace) -> int:
    for one in known_backups(Settings()):
        there = "" if Path(one.folder).is_dir() else "  (not there any more, or carried elsewhere)"
        _say(f"{one.backup_id}  {one.made_at:%Y-%m-%d %H:%M} UTC  {one.instances} images  {one.folder}{there}")
    return 0


def _forget_backup(options: argparse.Namespace) -> int:
    engine = make_engine(Settings().database)
    with session_factory(engine).begin() as session:
        row = session.get(Backup, options.number)
        if row is None or row.removed_at is not None:
            raise InputRejected("No backup of this number is known.")
        if Path(row.folder).exists():
            raise InputRejected("The backup is still in its folder: destroy it first.")
        row.removed_at = datetime.now(UTC)
    engine.dispose()
    _say("The backup is no longer listed.")
    return 0


def _with_services(command: Callable[[Services, argparse.Namespace], list[str]]) -> Callable[[argparse.Namespace], int]:
    def run(options: argparse.Namespace) -> int:
        services = flow.build_services(Settings())
        try:
            for line in command(services, options):
                _say(line)
        finally:
            services.engine.dispose()
        return 0

    return run


def _retain(services: Services, _: argparse.Namespace) -> list[str]:
    old, short = flow.remove_old_copies(services), flow.make_room(services)
    return [f"Research copies removed: {old} because of their age, {short} to make room."]


def _passphrase(file: Path | None) -> str:
    return file.read_text(encoding="utf-8").strip() if file is not None else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.admin", description="Administer an installation.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], words: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
        made.set_defaults(run=run)
        return made

    backup = command("backup", _backup, "write database, images, routes and settings into a new folder")
    backup.add_argument("folder", type=Path, help="where backups lie; each gets a folder of its own in it")
    backup.add_argument("--database-only", action="store_true", help="leave the images out")
    backup.add_argument("--secrets-passphrase-file", type=Path, help="put the secrets in, encrypted with it")
    command("verify", _verify, "look at every byte of a backup").add_argument("folder", type=Path)
    back = command("restore", _restore, "put a backup into an empty system")
    back.add_argument("folder", type=Path, help="of one backup")
    back.add_argument("--replace-database", action="store_true", help="only the database, in the place of this one")
    back.add_argument("--secrets-into", type=Path, metavar="FOLDER", help="write the backup's secrets there, only that")
    back.add_argument("--secrets-passphrase-file", type=Path, help="which opens them")
    update = command("upgrade", _upgrade, "bring the tables to this version's, after a backup of the database")
    update.add_argument("--backup-to", type=Path, required=True, metavar="FOLDER", help="where backups lie")
    command("doctor", _doctor, "look at everything that Interval needs and say what to do")
    command("backups", _backups, "list the backups that were made")
    gone = command("forget-backup", _forget_backup, "note that a backup was destroyed")
    gone.add_argument("number", type=int, help="as backups and erase print it")
    command("retain", _with_services(_retain), "remove the research copies whose time is over, now")
    _add_patient_commands(command)
    return parser


def _add_patient_commands(
    command: Callable[[str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser],
) -> None:
    erase = command("erase", _with_services(patients.erase), "remove everything of one patient")
    hold = command("hold", _with_services(patients.set_hold), "let nothing of one patient be removed")
    lift = command("lift-hold", _with_services(patients.lift_hold), "lift the legal holds on one patient")
    for one in (erase, hold, lift):
        one.add_argument("--patient", required=True, metavar="ID", help="patient ID as in the images")
        one.add_argument("--issuer", default="", help="issuer of patient ID as in the images; none unless given")
        one.add_argument("--by", default="", metavar="NAME", help="who does it, for the audit trail")
    erase.add_argument("--confirm", metavar="PSEUDONYM", help="which the command prints when it is run without")
    hold.add_argument("--reason", required=True)


if __name__ == "__main__":
    sys.exit(main())
