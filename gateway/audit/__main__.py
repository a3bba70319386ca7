"""Check and export the audit trail: ``python -m gateway.audit verify``, ``python -m gateway.audit export FILE``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gateway.audit.messages import audit_messages
from gateway.audit.trail import all_entries, verify
from gateway.db.engine import make_engine, session_factory
from gateway.settings import DatabaseSettings


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 1 when the chain is broken."""
    parser = argparse.ArgumentParser(prog="python -m gateway.audit", description="The audit trail.")
    parser.add_argument("--database-url", help="the environment's settings of the database unless given")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help="look at every entry's hash")
    check.add_argument("--known", metavar="NUMBER:HASH", help="an entry that was noted elsewhere, as verify prints it")
    export = commands.add_parser("export", help="write DICOM audit messages (PS3.15 A.5)")
    export.add_argument("file", type=Path)
    options = parser.parse_args(arguments)
    engine = make_engine(options.database_url or DatabaseSettings().database)
    try:
        with session_factory(engine, read_only=True)() as session:
            if options.command == "export":
                with options.file.open("wb") as file:
                    file.writelines(audit_messages(all_entries(session)))
                return 0
            found = verify(session, known=_known(options.known))
    finally:
        engine.dispose()
    if found.problem:
        sys.stderr.write(f"The audit trail is broken. {found.problem}\n")
        return 1
    sys.stdout.write(
        f"The audit trail is whole: {found.entries} entries. Keep elsewhere: {found.entries}:{found.head}\n"
    )
    return 0


def _known(words: str | None) -> tuple[int, str] | None:
    if not words:
        return None
    number, _, digest = words.partition(":")
    return int(number), digest


if __name__ == "__main__":
    sys.exit(main())
