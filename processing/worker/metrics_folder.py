"""A folder for the figures of a worker's processes; `prometheus_client` looks for it when it is imported."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def figures_folder() -> Iterator[None]:
    """Keep the figures in a folder that goes with the worker, unless the site names one.

    Must be entered before the first import of `prometheus_client`.
    """
    if FOLDER_VARIABLE in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="interval-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        yield
