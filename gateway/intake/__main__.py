"""Look at quarantined uploads from a terminal: ``python -m gateway.intake export 7 --to FILE``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from sqlalchemy.orm import Session

from gateway.db.engine import make_engine, session_factory
from gateway.db.tables import QuarantinedUpload
from gateway.intake.quarantine import QuarantineCipher, content_of, kept_uploads
from gateway.settings import Settings
from processing.domain.errors import IntervalError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gateway.intake", description="Quarantined uploads.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print what is kept, the newest first")
    export = commands.add_parser("export", help="write the bytes of one, as they were sent; they may hold identity")
    export.add_argument("upload_id", type=int)
    export.add_argument("--to", type=Path, required=True, help="a file that does not exist yet")
    options = parser.parse_args(arguments)
    settings = Settings()
    engine = make_engine(settings.database)
    try:
        with session_factory(engine, read_only=True)() as session:
            if options.command == "export":
                return _export(session, settings, options.upload_id, options.to)
            for upload in kept_uploads(session):
                sys.stdout.write(f"{upload.upload_id}\t{upload.at:%Y-%m-%d %H:%M}\t{upload.source}\t{upload.reason}\n")
    finally:
        engine.dispose()
    return 0


def _export(session: Session, settings: Settings, upload_id: int, file: Path) -> int:
    upload = session.get(QuarantinedUpload, upload_id)
    if upload is None:
        sys.stderr.write("There is no such upload.\n")
        return 1
    try:
        cipher = QuarantineCipher(settings.pseudonym_key, settings.pseudonym_key_id, settings.retired_keys)
        content = content_of(upload, cipher)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except IntervalError as error:
        sys.stderr.write(f"{error.reason}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"The file can't be written: {error.strerror}.\n")
        return 1
    with os.fdopen(descriptor, "wb") as output:
        output.write(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
