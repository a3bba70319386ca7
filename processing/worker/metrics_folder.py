"""A folder for the figures of a worker's processes; `prometheus_client` looks for it when it is imported."""

from __future__ import annotations

import os
import tempfile

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare_folder() -> None:
    """Make the folder, unless the site names one; must come before the first import of `prometheus_client`."""
    os.environ.setdefault(FOLDER_VARIABLE, tempfile.mkdtemp(prefix="interval-metrics-"))
