from tests.unit.gateway.front_database import empty_database, passwords, sessions, url
from tests.unit.gateway.front_result import compared, compared_without_lesions

__all__ = ["compared", "compared_without_lesions", "empty_database", "passwords", "sessions", "url"]
