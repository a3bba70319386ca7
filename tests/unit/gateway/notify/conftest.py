from __future__ import annotations

from tests.unit.gateway.admin.conftest import services, settings
from tests.unit.gateway.front_database import empty_database, passwords, sessions, url

__all__ = ["empty_database", "passwords", "services", "sessions", "settings", "url"]
