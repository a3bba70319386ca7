"""Where the gate's ledger is."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class ReleaseSettings(BaseSettings):
    """Read from the environment like every other setting."""

    model_config = SettingsConfigDict(env_prefix="INTERVAL_", env_ignore_empty=True, frozen=True, extra="ignore")

    compatibility_file: Path = Path(__file__).resolve().parents[2] / "validation" / "compatibility.yaml"
    """The validation gate's ledger: no case is routed to a version that it does not let pass."""
