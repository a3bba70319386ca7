from tests.unit.gateway.front_database import passwords, sessions, url

__all__ = ["passwords", "sessions", "url"]
