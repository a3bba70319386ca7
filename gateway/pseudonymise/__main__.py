"""Pseudonymises files, for auditors: the very code that the gateway runs, on a folder.

``python -m gateway.pseudonymise IN_DIR OUT_DIR --profile mr --key-file FILE`` writes one file for each input that is
accepted, under the pseudonymous UIDs of its study, series and instance, and a line with the reason for each that is
refused or was there before. Exit status: 0 all accepted, 2 wrong use or an unusable key, profile or folder, 3 something
was refused.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.pseudonymise.apply import NotCleanable, PseudonymisedInstance, pseudonymise_instance
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
    if options.out_dir.resolve().is_relative_to(options.in_dir.resolve()):
        print("pseudonymise: the output folder lies in the input folder; choose another place", file=sys.stderr)
        return _WRONG_USE
    try:
        options.out_dir.mkdir(parents=True, exist_ok=True)
    except OSError:
        print("pseudonymise: the output folder can't be made", file=sys.stderr)
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
    output = _Output(out_dir)
    for path in _files(in_dir):
        try:
            new = output.write(_pseudonymised(path, pseudonymiser))
        except InputRejected as refusal:
            refused += 1
            print(f"refused {path.relative_to(in_dir)}: {refusal.reason}")
        else:
            accepted += 1
            if not new:
                print(f"repeated {path.relative_to(in_dir)}: the same image as an earlier file, written once")
    return accepted, refused


class _Output:
    """The folder of pseudonymous files; one file for each SOP Instance UID.

    Paths are strings here: making `Path` objects takes a tenth of the time of a whole image.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._made: set[str] = set()
        self._written: dict[str, str] = {}

    def write(self, instance: PseudonymisedInstance) -> bool:
        """Write an image; False where an earlier file was the same image."""
        earlier = self._written.get(instance.sop_instance_uid)
        if earlier is not None:
            if Path(earlier).read_bytes() != instance.part10:
                raise NotCleanable("another file has the same SOP Instance UID and a different content")
            return False
        folder = f"{self._folder}/{instance.study_instance_uid}/{instance.series_instance_uid}"
        if folder not in self._made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)
        path = f"{folder}/{instance.sop_instance_uid}.dcm"
        with open(path, "wb") as file:  # noqa: PTH123 - as the class says
            file.write(instance.part10)
        self._written[instance.sop_instance_uid] = path
        return True


def _files(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that is no folder itself, in the order of the paths."""
    return (path for path in sorted(folder.rglob("*")) if not path.is_dir())


def _pseudonymised(path: Path, pseudonymiser: Pseudonymiser) -> PseudonymisedInstance:
    if not path.is_file():
        raise NotCleanable("it is no file")
    try:
        with path.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size > LARGEST_FILE_BYTES:
                raise NotCleanable("the file is larger than an image can be")
            content = file.readall()
    except OSError as error:
        raise NotCleanable("the file can't be read") from error
    return pseudonymise_instance(content, pseudonymiser)


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
