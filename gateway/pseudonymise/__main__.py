"""Pseudonymises files, for auditors: the very code that the gateway runs, on a folder.

``python -m gateway.pseudonymise IN_DIR OUT_DIR --profile mr --key-file FILE`` writes one file for each input that is
accepted, under the pseudonymous UIDs of its study, series and instance, and a line with the reason for each that is
refused. Exit status: 0 all accepted, 2 wrong use or an unusable key or profile, 3 something was refused.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.pseudonymise.apply import NotCleanable, pseudonymise_instance
from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing, WeakSecret
from gateway.pseudonymise.profile import ProfileInvalid, load_profile
from processing.domain.errors import InputRejected

LARGEST_FILE_BYTES = 4 << 30
_WRONG_USE = 2
_REFUSED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        keys = KeyRing.from_file(options.key_file, options.key_id)
        pseudonymiser = Pseudonymiser(keys, load_profile(options.profile))
    except (WeakSecret, ProfileInvalid) as error:
        print(f"pseudonymise: {error}", file=sys.stderr)
        return _WRONG_USE
    if not options.in_dir.is_dir():
        print("pseudonymise: the input folder does not exist", file=sys.stderr)
        return _WRONG_USE
    accepted, refused = pseudonymise_folder(options.in_dir, options.out_dir, pseudonymiser)
    print(f"{accepted} accepted, {refused} refused; profile {pseudonymiser.profile.name}, key {keys.current.key_id}")
    return _REFUSED if refused else 0


def pseudonymise_folder(in_dir: Path, out_dir: Path, pseudonymiser: Pseudonymiser) -> tuple[int, int]:
    """Pseudonymise every file below a folder, one at a time.

    Parameters
    ----------
    in_dir, out_dir : Path
    pseudonymiser : Pseudonymiser

    Returns
    -------
    tuple of int
        How many files were accepted, and how many refused.
    """
    accepted = refused = 0
    digests: dict[str, bytes] = {}
    for path in sorted(path for path in in_dir.rglob("*") if path.is_file()):
        try:
            _pseudonymise_file(path, out_dir, pseudonymiser, digests)
        except InputRejected as refusal:
            refused += 1
            print(f"refused {path.relative_to(in_dir)}: {refusal.reason}")
        else:
            accepted += 1
    return accepted, refused


def _pseudonymise_file(path: Path, out_dir: Path, pseudonymiser: Pseudonymiser, digests: dict[str, bytes]) -> None:
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise NotCleanable("the file is larger than an image can be")
    instance = pseudonymise_instance(path.read_bytes(), pseudonymiser)
    digest = hashlib.sha256(instance.part10).digest()
    if digests.setdefault(instance.sop_instance_uid, digest) != digest:
        raise NotCleanable("another file has the same SOP Instance UID and a different content")
    folder = out_dir / instance.study_instance_uid / instance.series_instance_uid
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{instance.sop_instance_uid}.dcm").write_bytes(instance.part10)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway.pseudonymise", description="Pseudonymise DICOM files.")
    parser.add_argument("in_dir", type=Path, help="folder with DICOM files; it is not changed")
    parser.add_argument("out_dir", type=Path, help="folder for the pseudonymous files")
    parser.add_argument("--profile", default="mr", help="name of a profile, or path of a profile file (default: mr)")
    parser.add_argument("--key-file", type=Path, required=True, help="file with at least 32 random bytes")
    parser.add_argument("--key-id", default="file", help="name under which the key is known (default: file)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
