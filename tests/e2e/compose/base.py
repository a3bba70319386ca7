"""Base images where no registry of images can be reached: Debian by debootstrap, and Node as this machine has it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

LOCAL_BASE = "localhost/interval-test/debian:bookworm"
LOCAL_VIEWER_BASE = "localhost/interval-test/node:20-bookworm"
_AUTHORITIES = Path("/usr/local/share/ca-certificates")
"""Of this machine's own network: whoever builds behind it must believe them."""
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_NODE = ("usr/bin/node", "usr/bin/npm", "usr/lib/node_modules/npm")


def make_bases(environment: Mapping[str, str], *, fresh: bool) -> None:
    """Make both base images; unless they must be fresh, only where they are not there.

    Raises
    ------
    subprocess.CalledProcessError
        If the Debian packages can't be had, or the images can't be imported.
    """
    if not fresh and all(_exists(image, environment) for image in (LOCAL_BASE, LOCAL_VIEWER_BASE)):
        return
    with tempfile.TemporaryDirectory(prefix="interval-base-") as folder:
        root = Path(folder) / "root"
        packages = "--include=ca-certificates"
        _run(("debootstrap", "--variant=minbase", packages, "bookworm", str(root)), environment)
        for authority in _AUTHORITIES.glob("*.crt"):
            shutil.copy(authority, root / "usr/local/share/ca-certificates")
        _run(("chroot", str(root), "update-ca-certificates"), environment)
        _run(("chroot", str(root), "apt-get", "clean"), environment)
        tar = Path(folder) / "root.tar"
        _run(("tar", "-C", str(root), "-cf", str(tar), "."), environment)
        _import(tar, LOCAL_BASE, f"PIP_CERT={_BUNDLE}", environment)
        _run(("tar", "-C", "/", "-rf", str(tar), *_NODE), environment)
        _import(tar, LOCAL_VIEWER_BASE, f"NODE_EXTRA_CA_CERTS={_BUNDLE}", environment)


def _exists(image: str, environment: Mapping[str, str]) -> bool:
    answer = subprocess.run(("podman", "image", "exists", image), env=dict(environment), check=False)
    return answer.returncode == 0


def _import(tar: Path, image: str, variable: str, environment: Mapping[str, str]) -> None:
    _run(("podman", "import", "--change", f"ENV {variable}", str(tar), image), environment)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    subprocess.run(command, env=dict(environment), check=True, capture_output=True)
