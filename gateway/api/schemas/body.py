"""What every body of the API has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Unknown keys are errors, so that a typing mistake is never silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Problem(Body):
    """Every error of the API: one sentence in the user's words."""

    detail: str
