"""``python -m deploy.licences``: the licence of every package that an installation runs, and whether each is known.

Python packages are those of requirements-run.lock, as they are installed here; the viewer's are those of
package-lock.json that are not for development alone. A licence that is not in `ALLOWED` fails the check until somebody
looked at it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LIST = REPOSITORY / "docs" / "licences.md"

ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU"),
        *("PSF-2.0", "Python-2.0", "Zlib"),
        # Weak copyleft: used as they are published, unchanged, and replaceable.
        *("LGPL-3.0-only", "MPL-2.0"),
    }
)
"""SPDX identifiers."""

_SPELT = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "New BSD": "BSD-3-Clause",
}
"""What packages wrote before there were licence expressions. "BSD" alone was read in each package: three clauses."""

_IMAGES = (
    (
        "Orthanc",
        "GPL-3.0-or-later",
        "with its DICOMweb and PostgreSQL plugins (AGPL-3.0-or-later); programs of their own",
    ),
    ("PostgreSQL", "PostgreSQL", "a program of its own"),
    ("Redis 7.0", "BSD-3-Clause", "a program of its own"),
    ("nginx", "BSD-2-Clause", "a program of its own"),
    ("DejaVu fonts", "Bitstream-Vera", "embedded in reports"),
)
"""From Debian, beside Interval: nothing of them is linked with it."""


@dataclass(frozen=True)
class Licensed:
    """A package and its licence, as SPDX expression; empty where it says none."""

    name: str
    version: str
    licence: str

    @property
    def is_allowed(self) -> bool:
        """Whether one of the alternatives that it offers is allowed with all its parts."""
        alternatives = self.licence.strip("()").split(" OR ")
        return any(all(part in ALLOWED for part in alternative.split(" AND ")) for alternative in alternatives)


def python_packages() -> Iterator[Licensed]:
    """Yield the Python packages of an installation."""
    locked = (REPOSITORY / "requirements-run.lock").read_text(encoding="utf-8")
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", locked, re.MULTILINE):
        yield Licensed(name, version, _licence_of(name))


def _licence_of(name: str) -> str:
    described = metadata.metadata(name)
    if described["License-Expression"]:
        return str(described["License-Expression"])
    said = (described["License"] or "").strip()
    for text in (said, _SPELT.get(said, "")):
        if text in ALLOWED:
            return text
    classified = [
        one.split(" :: ")[-1] for one in described.get_all("Classifier") or () if one.startswith("License ::")
    ]
    return " OR ".join(_SPELT.get(one, one) for one in classified)


def viewer_packages() -> Iterator[Licensed]:
    """Yield the viewer's packages that reach a browser or may."""
    locked = json.loads((REPOSITORY / "viewer" / "package-lock.json").read_text(encoding="utf-8"))
    for place, package in locked["packages"].items():
        if place and not package.get("dev"):
            yield Licensed(place.removeprefix("node_modules/"), package["version"], package.get("license", ""))


def page() -> str:
    """Return the list as Markdown, without versions: they stand in the lock files."""
    lines = ["# Licences of what Interval is installed with", ""]
    lines += ["`make licences` writes this page and fails where a licence is unknown. Interval's own: Apache-2.0.", ""]
    for title, packages in (("Python", python_packages()), ("Viewer", viewer_packages())):
        lines += [f"## {title}", "", "| package | licence |", "|---|---|"]
        lines += [f"| {one.name} | {one.licence} |" for one in packages] + [""]
    lines += ["## Programs from Debian", "", "| program | licence | |", "|---|---|---|"]
    lines += [f"| {name} | {licence} | {note} |" for name, licence, note in _IMAGES]
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 0 when every licence is known and allowed."""
    parser = argparse.ArgumentParser(prog="python -m deploy.licences", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {LIST.relative_to(REPOSITORY)}")
    options = parser.parse_args(arguments)
    packages = [*python_packages(), *viewer_packages()]
    wrong = [package for package in packages if not package.is_allowed]
    for package in wrong:
        sys.stderr.write(f"{package.name} {package.version}: '{package.licence or 'no licence'}' is not known here\n")
    if options.write and not wrong:
        LIST.write_text(page(), encoding="utf-8")
    sys.stdout.write(
        f"{len(packages)} packages, {len(packages) - len(wrong)} with a licence that is known and allowed\n"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
