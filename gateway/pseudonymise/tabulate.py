"""Regenerates profiles/basic.json from a JSON export of PS3.15 Table E.1-1.

``python -m gateway.pseudonymise.tabulate EXPORT.json EDITION`` writes the file that the gateway loads. It runs when
a new edition of the standard is taken over, never in the gateway itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

OPTION_COLUMNS = {
    "rtnUIDsOpt": "113110",
    "rtnDevIdOpt": "113109",
    "rtnInstIdOpt": "113112",
    "rtnPatCharsOpt": "113108",
    "rtnLongFullDatesOpt": "113106",
    "rtnLongModifDatesOpt": "113107",
    "cleanDescOpt": "113105",
    "cleanStructContOpt": "113104",
    "cleanGraphOpt": "113103",
    "rtnSafePrivOpt": "113111",
}
"""Column of the export -> code of the option in PS3.16 CID 7050."""


def tabulate(export: Path, edition: str) -> str:
    """Return the text of basic.json: one line per row of the table, in the order of tags."""
    rows = []
    for row in json.loads(export.read_text("utf-8")):
        tag = row["tag"].strip("()").replace(",", "").lower()
        tag = "private" if "where" in tag else tag
        options = {code: row[column] for column, code in OPTION_COLUMNS.items() if column in row}
        rows.append((tag, row["basicProfile"], options, " ".join(row["name"].split(" (see Note")[0].split())))
    rows.sort(key=lambda row: row[0])
    head = {
        "table": "DICOM PS3.15 Table E.1-1, Application Level Confidentiality Profile Attributes",
        "edition": edition,
        "columns": ["tag", "basic profile", "options", "name"],
    }
    lines = ",\n".join("    " + json.dumps(row) for row in rows)
    return json.dumps(head, indent=2)[:-2] + ',\n  "rows": [\n' + lines + "\n  ]\n}\n"


if __name__ == "__main__":
    target = Path(__file__).parent / "profiles" / "basic.json"
    target.write_text(tabulate(Path(sys.argv[1]), sys.argv[2]), "utf-8")
