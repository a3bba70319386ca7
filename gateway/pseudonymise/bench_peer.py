"""dicom-anonymizer on the files that `gateway.pseudonymise.bench` wrote.

Run as a file by the Python of a second environment, which holds nothing of Interval: ``bench_peer.py OUT FILE...``
writes instances per second of processor time.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Anonymise every file with the tool's own profile, and write the rate."""
    from dicomanonymizer import anonymize_dicom_file  # type: ignore[import-not-found]  # in the second environment only

    out, *files = arguments
    # The first call fills the tool's tables.
    anonymize_dicom_file(files[0], str(Path(out) / "first.dcm"))
    began = time.process_time()
    for path in files:
        anonymize_dicom_file(path, str(Path(out) / Path(path).name))
    sys.stdout.write(f"{len(files) / (time.process_time() - began)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
