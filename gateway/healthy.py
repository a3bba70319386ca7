"""Whether a process of the gateway says that it is well: ``python -m gateway.healthy ADDRESS``, for health checks.

A program of its own, because Podman splits the words of a health check at their spaces.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

_ANSWERS_WITHIN_S = 4.0


def main(arguments: list[str]) -> int:
    """Ask an address; the exit status is 0 when it answers with success."""
    try:
        urllib.request.urlopen(arguments[0], timeout=_ANSWERS_WITHIN_S).close()  # noqa: S310 - from compose.yaml
    except (urllib.error.URLError, OSError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
