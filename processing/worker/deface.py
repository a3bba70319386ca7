"""Removes faces from a folder of images: ``python -m processing.worker.deface FOLDER``.

The gateway starts this beside itself, in the clinical zone, on a folder that nobody else can read; it holds no
secret, needs no network and gives up what network it can. Files are changed in place, and in them nothing but voxels:
no byte outside the pixel data is written. All images of one frame of reference lose the same region. Where no face
can be found, or an image can't be changed in place, nothing may leave: the command says why and ends with 3.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path

REFUSED = 3
_NEW_USER_AND_NETWORK = 0x10000000 | 0x40000000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 3 with the reason on standard output."""
    (folder,) = sys.argv[1:] if arguments is None else arguments
    # Imported late: numeric libraries start threads, and a process with threads can't leave its network.
    from processing.domain.errors import InputRejected
    from processing.worker.deface_folder import deface_folder

    try:
        deface_folder(Path(folder))
    except InputRejected as refused:
        sys.stdout.write(refused.reason)
        return REFUSED
    return 0


def leave_the_network() -> bool:
    """Move this process into a network of its own without any interface, where the system lets it."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None, use_errno=True).unshare(_NEW_USER_AND_NETWORK) == 0)
    return False


if __name__ == "__main__":
    leave_the_network()
    # Numeric libraries read these when they are loaded.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ.setdefault(name, "2")
    sys.exit(main())
