"""What a worker is told: where the broker and the research archive are. It has no database, key or vault."""

from __future__ import annotations

import os
import socket
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from processing.broker import verified, with_password
from processing.domain.messages import FAST_TRACK_QUEUE, PIPELINE_QUEUE

_SHORTEST_PASSWORD = 12


class WorkerSettings(BaseSettings):
    """The worker's configuration, from environment variables that begin with ``INTERVAL_``.

    The password is never a variable's value but stands in a file, whose path is the variable's value.
    """

    model_config = SettingsConfigDict(env_prefix="INTERVAL_", frozen=True, extra="ignore")

    broker_url: str = "redis://127.0.0.1:6379/0"
    broker_password_file: Path | None = None
    research_url: str = "http://127.0.0.1:8043"
    research_user: str = "worker"
    research_password_file: Path

    worker_queues: str = Field(default=f"{FAST_TRACK_QUEUE},{PIPELINE_QUEUE}", min_length=1)
    """Whose orders it takes, with commas between. A worker that takes both takes the fast track's first; give the fast
    track a worker of its own, so that it never waits for a routine order to end."""
    worker_niceness: int = Field(default=0, ge=0, le=19)
    """How far its orders stand back when processors are short: more for routine work than for the fast track's."""
    worker_processes: int = Field(default=1, ge=1)
    """Orders that run at the same time."""
    worker_threads: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1)
    """Threads of one order."""
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where the worker answers /metrics, /health and /ready; 0: nowhere."""
    job_time_limit_s: float = Field(default=1800.0, gt=0)
    """An order that takes longer is given up."""

    @field_validator("worker_queues")
    @classmethod
    def _known_queues(cls, names: str) -> str:
        unknown = set(names.split(",")) - {FAST_TRACK_QUEUE, PIPELINE_QUEUE}
        if unknown:
            raise ValueError(f"there is no queue {', '.join(sorted(unknown))}")
        return names

    @field_validator("research_url")
    @classmethod
    def _without_trailing_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @cached_property
    def broker(self) -> str:
        """The broker's address, with its password when that is in a file. Never log it."""
        return verified(with_password(self.broker_url, self.broker_password_file))

    @property
    def worker_name(self) -> str:
        """Under which it answers at the broker; by its queues, so that two workers of one host are told apart."""
        return f"{self.worker_queues.replace(',', '-and-')}@{socket.gethostname()}"

    @property
    def research_dicomweb_url(self) -> str:
        """Where the research archive speaks DICOMweb."""
        return f"{self.research_url}/dicom-web"

    @property
    def visibility_timeout_s(self) -> float:
        """When the broker hands out an unacknowledged order again; must exceed the longest order by far."""
        return 2 * self.job_time_limit_s + 600

    @cached_property
    def research_password(self) -> str:
        """Of the worker's account at the research archive.

        Raises
        ------
        ValueError
            If the file is missing or the password is too short.
        """
        if not self.research_password_file.is_file():
            raise ValueError("the file that INTERVAL_RESEARCH_PASSWORD_FILE names does not exist")
        password = self.research_password_file.read_text(encoding="utf-8").strip()
        if len(password) < _SHORTEST_PASSWORD:
            raise ValueError(f"the research archive's password has fewer than {_SHORTEST_PASSWORD} characters")
        return password
