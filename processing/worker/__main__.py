"""Start a worker: ``python -m processing.worker``."""

from __future__ import annotations

import os

from processing.authorities import believed
from processing.worker.settings import WorkerSettings

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def main() -> None:
    """Run until told to stop. Settings that are missing or weak end it at once with a sentence."""
    settings = WorkerSettings()
    # Read once here, so that what is missing is noticed before the first order.
    _ = settings.research_password
    believed()
    # Numeric libraries read these when they are loaded, so they are set before.
    for name in _THREAD_VARIABLES:
        os.environ[name] = str(settings.worker_threads)
    os.nice(settings.worker_niceness)
    from processing.worker.metrics_folder import figures_folder

    with figures_folder():
        _work(settings)


def _work(settings: WorkerSettings) -> None:
    from processing.worker.app import configure
    from processing.worker.metrics import expose

    expose(settings)

    configure(settings).worker_main(
        [
            *("worker", "--pool=prefork", f"--queues={settings.worker_queues}", f"--hostname={settings.worker_name}"),
            *("--without-gossip", "--without-mingle", "--loglevel=INFO"),
        ]
    )


if __name__ == "__main__":
    main()
