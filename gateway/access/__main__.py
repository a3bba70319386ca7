"""Add accounts and change passwords from a terminal: ``python -m gateway.access add-user NAME --role reader``."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from gateway.access.accounts import create_account, set_password
from gateway.access.passwords import Passwords
from gateway.access.roles import Role
from gateway.db.engine import make_engine, session_factory, upgrade
from gateway.settings import DatabaseSettings
from processing.domain.errors import InputRejected


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    password = _password(options.password_file)
    # Only the database is needed here: an account can be made before the archives are configured.
    database = options.database_url or DatabaseSettings().database
    upgrade(database)
    engine = make_engine(database)
    try:
        with session_factory(engine).begin() as session:
            if options.command == "add-user":
                display_name = options.display_name or options.user_name
                role = Role(options.role)
                create_account(session, options.user_name, display_name, role, password, passwords=Passwords())
            else:
                set_password(session, options.user_name, password, passwords=Passwords())
    except InputRejected as refused:
        sys.stderr.write(f"{refused.reason}\n")
        return 1
    finally:
        engine.dispose()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.access", description="Accounts of the gateway.")
    parser.add_argument("--database-url", help="the environment's settings of the database unless given")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, title in (("add-user", "make an account"), ("set-password", "change an account's password")):
        command = commands.add_parser(name, help=title)
        command.add_argument("user_name")
        command.add_argument("--password-file", type=Path, help="its first line is the password; asked for otherwise")
        if name == "add-user":
            command.add_argument("--role", choices=[role.value for role in Role], required=True)
            command.add_argument("--display-name", help="as it shall stand in reports; defaults to the user name")
    return parser


def _password(file: Path | None) -> str:
    if file is None:
        return getpass.getpass("Password: ")
    lines = file.read_text(encoding="utf-8").splitlines()
    return lines[0] if lines else ""


if __name__ == "__main__":
    sys.exit(main())
