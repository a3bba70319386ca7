from tests.unit.gateway.front_database import empty_database, passwords, sessions, url

__all__ = ["empty_database", "passwords", "sessions", "url"]
