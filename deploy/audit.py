"""``python -m deploy.audit``: known vulnerabilities in what an installation runs, by pip-audit and npm audit.

Both ask a service. Where it can't be reached the check is skipped, and says so; a vulnerability makes it fail.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
_WITHIN_S = 300.0


class NotAsked(RuntimeError):
    """The advisory service did not answer; the message says how it was asked."""


@dataclass(frozen=True)
class Audit:
    """How many packages were asked about, and what is known of them, a line each."""

    packages: int
    known: tuple[str, ...]


def python_audit() -> Audit:
    """Ask about the packages of requirements-run.lock.

    Raises
    ------
    NotAsked
        If the service can't be reached.
    """
    command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements-run.lock"]
    answer = _answer([*command, "--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"])
    try:
        packages = json.loads(answer)["dependencies"]
    except (json.JSONDecodeError, KeyError, TypeError) as unknown:
        raise NotAsked("pip-audit had no answer") from unknown
    known = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {' '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    return Audit(len(packages), tuple(known))


def viewer_audit() -> Audit:
    """Ask about the viewer's packages, those for development included: they build it.

    Raises
    ------
    NotAsked
        If the service can't be reached.
    """
    answer = _answer(["npm", "audit", "--json", "--prefix", "viewer"])
    try:
        described = json.loads(answer)
        known = [f"{name}: {found['severity']}" for name, found in described["vulnerabilities"].items()]
        return Audit(int(described["metadata"]["dependencies"]["total"]), tuple(known))
    except (json.JSONDecodeError, KeyError, TypeError) as unknown:
        raise NotAsked("npm audit had no answer") from unknown


def _answer(command: list[str]) -> str:
    try:
        return subprocess.run(
            command, cwd=REPOSITORY, capture_output=True, text=True, timeout=_WITHIN_S, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as silent:
        raise NotAsked(f"{command[0]} did not answer within {_WITHIN_S:.0f} s") from silent


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 1 when something is known."""
    argparse.ArgumentParser(prog="python -m deploy.audit", description=__doc__).parse_args(arguments)
    failed = False
    for name, ask in (("Python", python_audit), ("viewer", viewer_audit)):
        try:
            audit = ask()
        except NotAsked as silent:
            sys.stdout.write(f"{name}: skipped, the advisory service can't be reached ({silent})\n")
            continue
        failed = failed or bool(audit.known)
        sys.stdout.write(f"{name}: {audit.packages} packages, {len(audit.known)} with a known vulnerability\n")
        for line in audit.known:
            sys.stdout.write(f"  {line}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
