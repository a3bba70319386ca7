"""Has faces removed before images leave the clinical zone, by a process of its own.

The gateway measures nothing on images; what finds a face is a program beside it, which gets a folder that only this
account can read, and neither settings nor secrets.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from processing.domain.errors import Defect, InputRejected

_REFUSED = 3
_POLL_S = 5.0
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LANG", "HOME", "TMPDIR")
COMMAND = (sys.executable, "-m", "processing.worker.deface")


class Defacer:
    """Runs the program.

    Parameters
    ----------
    command : sequence of str
        The folder is added to it.
    timeout_s : float
        A run that takes longer is stopped.
    """

    def __init__(self, command: Sequence[str] = COMMAND, timeout_s: float = 900.0) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s

    def deface(self, folder: Path, still_wanted: Callable[[], None]) -> None:
        """Remove the faces in a folder's images, in place.

        Parameters
        ----------
        folder : Path
            Part 10 files of one study.
        still_wanted : callable
            Called every few seconds; what it raises stops the program.

        Raises
        ------
        InputRejected
            With the program's own sentence, when a face can't be removed.
        Defect
            If the program fails or takes too long.
        """
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        with subprocess.Popen(
            [*self._command, str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                said = self._wait(process, still_wanted)
            finally:
                process.kill()
        if process.returncode == _REFUSED and said.strip():
            raise InputRejected(said.strip()[:300])
        if process.returncode != 0:
            raise Defect("The program that removes faces failed; nothing left the clinical zone.")

    def _wait(self, process: subprocess.Popen[str], still_wanted: Callable[[], None]) -> str:
        waited_s = 0.0
        while True:
            try:
                return process.communicate(timeout=_POLL_S)[0]
            except subprocess.TimeoutExpired:
                waited_s += _POLL_S
                if waited_s >= self._timeout_s:
                    raise Defect("The program that removes faces took too long.") from None
                still_wanted()
