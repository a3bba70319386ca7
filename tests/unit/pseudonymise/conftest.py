"""Keys, profile and pseudonymiser for the tests of this room."""

from __future__ import annotations

import pytest

from gateway.pseudonymise.identity import Pseudonymiser
from gateway.pseudonymise.keys import KeyRing
from gateway.pseudonymise.profile import Profile, load_profile
from tests.unit.pseudonymise.images import SECRET


@pytest.fixture(scope="session")
def profile() -> Profile:
    return load_profile("mr")


@pytest.fixture
def keys() -> KeyRing:
    return KeyRing.from_secret(SECRET, "2026a")


@pytest.fixture
def pseudonymiser(keys: KeyRing, profile: Profile) -> Pseudonymiser:
    return Pseudonymiser(keys, profile)
