"""Who a patient is to us, and the keyed names that stand for the patient outside the gateway."""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from pydicom._uid_dict import UID_dictionary

from gateway.pseudonymise.keys import KeyRing, SubKeys
from gateway.pseudonymise.profile import Profile
from gateway.pseudonymise.readable_names import ADJECTIVES, NOUNS
from gateway.pseudonymise.values import ValueCleaner
from processing.domain.errors import InputRejected

PSEUDONYM_PREFIX = "IV-"
_STANDARD_UIDS = frozenset(UID_dictionary)
_MIN_SHIFT_DAYS = 366
_MAX_SHIFT_DAYS = 3652
_MAX_REMEMBERED = 4096
_MAX_CONTEXTS = 8


@dataclass(frozen=True)
class PatientIdentity:
    """The patient ID with its issuer: the same number from two issuers is two patients (PS3.3 C.7.1.1).

    Parameters
    ----------
    patient_id : str
        As the source wrote it, without padding.
    issuer_of_patient_id : str
        Empty when the source names none.
    """

    patient_id: str = field(repr=False)
    issuer_of_patient_id: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not self.patient_id.strip():
            raise InputRejected("the images carry no patient ID, so they can't be told from another patient's")

    @property
    def message(self) -> bytes:
        """Unambiguous bytes of both parts, for a keyed hash."""
        patient_id = self.patient_id.strip().encode()
        return b"%d:%b|%b" % (len(patient_id), patient_id, self.issuer_of_patient_id.strip().encode())


KeyChoice = Callable[[PatientIdentity], SubKeys]
"""Which key a patient lives under: the current one, or the retired one that the patient was first met with."""


StandIn = tuple[bytes, dict[str, str]]
"""What stands in for an encoded element, and the UIDs in it: pseudonymous -> original."""


class PatientContext:
    """What the rewrite needs again and again for one patient: the names made once, and values cleaned before.

    Elements repeat from slice to slice; `cleaned` remembers what became of them. It is bounded, so memory does not
    grow with the size of a study.

    Parameters
    ----------
    pseudonym : str
    shift_days : int
    keys : SubKeys
    profile : Profile
    names : frozenset of bytes
        Parts of the names of persons in the object, in upper case.
    """

    def __init__(
        self, pseudonym: str, shift_days: int, keys: SubKeys, profile: Profile, names: frozenset[bytes]
    ) -> None:
        self.pseudonym = pseudonym
        self.shift_days = shift_days
        self.key_id = keys.key_id
        self.cleaned: tuple[dict[bytes, StandIn], dict[bytes, StandIn]] = ({}, {})
        """Encoded element to what stands in for it, in implicit and in explicit data sets."""
        self._keys = keys
        self._uids: dict[bytes, bytes] = {}
        self.cleaner = ValueCleaner(shift_days, self.map_uid, profile.encoded_terms, profile.encoded_words, names)

    def map_uid(self, original_uid: bytes) -> bytes:
        """Return the pseudonymous UID for an encoded one."""
        mapped = self._uids.get(original_uid)
        if mapped is None:
            mapped = uid_under(self._keys, original_uid.decode("latin-1")).encode()
            if len(self._uids) >= _MAX_REMEMBERED:
                self._uids.clear()
            self._uids[original_uid] = mapped
        return mapped

    def remember(self, chunk: bytes, stand_in: StandIn, *, explicit: bool) -> None:
        """Keep what became of an encoded element."""
        cleaned = self.cleaned[explicit]
        if len(cleaned) >= _MAX_REMEMBERED:
            cleaned.clear()
        cleaned[chunk] = stand_in


class Pseudonymiser:
    """Turns identities, UIDs and dates into their pseudonymous counterparts, with keys and a profile.

    Parameters
    ----------
    keys : KeyRing
    profile : Profile
    key_choice : callable, optional
        Tells the key of a patient after a rotation, see `gateway.pseudonymise.vault.Vault.key_of`. Without it
        every patient is named by the current key.
    """

    def __init__(self, keys: KeyRing, profile: Profile, key_choice: KeyChoice | None = None) -> None:
        self.keys = keys
        self.profile = profile
        self._key_choice = key_choice
        self._contexts: OrderedDict[tuple[PatientIdentity, frozenset[bytes]], PatientContext] = OrderedDict()

    def subkeys(self, identity: PatientIdentity) -> SubKeys:
        """Return the keys that this patient lives under."""
        return self._key_choice(identity) if self._key_choice else self.keys.current

    def context(self, identity: PatientIdentity, names: frozenset[bytes]) -> PatientContext:
        """Return the context of a patient, made once for a run of instances with the same names in them."""
        key = (identity, names)
        context = self._contexts.get(key)
        if context is None:
            context = PatientContext(
                self.pseudonym(identity), self.shift_days(identity), self.subkeys(identity), self.profile, names
            )
            self._contexts[key] = context
            while len(self._contexts) > _MAX_CONTEXTS:
                self._contexts.popitem(last=False)
        return context

    def pseudonym(self, identity: PatientIdentity) -> str:
        """Return "IV-" and 12 letters or digits (60 bits of an HMAC of the identity)."""
        return pseudonym_under(self.subkeys(identity), identity)

    def readable_name(self, identity: PatientIdentity) -> str:
        """Return a name to talk about a case by, for example "calm-heron-42". It need not be unique."""
        digest = _hmac(self.subkeys(identity).pseudonym, b"readable name", identity.message)
        number = int.from_bytes(digest[:8])
        number, adjective = divmod(number, len(ADJECTIVES))
        number, noun = divmod(number, len(NOUNS))
        return f"{ADJECTIVES[adjective]}-{NOUNS[noun]}-{number % 90 + 10}"

    def shift_days(self, identity: PatientIdentity) -> int:
        """Return by how many days the patient's dates move into the past: 1 to 10 years, always the same."""
        digest = _hmac(self.subkeys(identity).date_shift, b"days", identity.message)
        return _MIN_SHIFT_DAYS + int.from_bytes(digest[:8]) % (_MAX_SHIFT_DAYS - _MIN_SHIFT_DAYS + 1)

    def uid(self, original_uid: str, identity: PatientIdentity | None = None) -> str:
        """Return the pseudonymous UID; a UID of the standard (SOP class, transfer syntax, ...) stays.

        Parameters
        ----------
        original_uid : str
        identity : PatientIdentity, optional
            Needed after a key rotation, to use the key that this patient's earlier studies were mapped with.
        """
        keys = self.subkeys(identity) if identity else self.keys.current
        return uid_under(keys, original_uid)


def pseudonym_under(keys: SubKeys, identity: PatientIdentity) -> str:
    """Return the pseudonym that a given key makes for a patient."""
    digest = _hmac(keys.pseudonym, b"pseudonym", identity.message)
    return PSEUDONYM_PREFIX + b32encode(digest[:10]).decode("ascii")[:12]


def uid_under(keys: SubKeys, original_uid: str) -> str:
    """Return the UID that a given key makes for an original UID (PS3.5 B.2: 2.25 and a UUID)."""
    if original_uid in _STANDARD_UIDS:
        return original_uid
    return derived_uid(keys.uid, original_uid.encode("latin-1", "replace"))


def derived_uid(key: bytes, message: bytes) -> str:
    """Return "2.25." and a version 8 UUID (RFC 9562) made of 122 bits of HMAC-SHA256."""
    number = int.from_bytes(hmac.digest(key, message, "sha256")[:16])
    number = number & ~(0xF << 76) | (0x8 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return f"2.25.{number}"


def _hmac(key: bytes, use: bytes, message: bytes) -> bytes:
    return hmac.digest(key, use + b"\0" + message, "sha256")
