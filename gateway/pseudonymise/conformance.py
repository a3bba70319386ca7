"""Writes the statement of what the pseudonymisation does, from the profile that it runs with.

``python -m gateway.pseudonymise.conformance > docs/pseudonymisation.md`` brings the committed statement up to date;
a test fails while it is not.
"""

from __future__ import annotations

import sys

from gateway.pseudonymise.encoded import MAX_DEPTH, MAX_ELEMENTS
from gateway.pseudonymise.profile import OPTION_NAMES, Profile, TableRow, load_profile
from gateway.pseudonymise.rules import DUMMY_TEXT, OTHER_TERM, Act, Rule
from gateway.pseudonymise.values import MAX_AGE_YEARS

_TREATMENTS = {
    Act.VERBATIM: "kept",
    Act.UID: "replaced by a keyed UID",
    Act.TERMS: "defined terms kept, any other value becomes " + OTHER_TERM.decode(),
    Act.NUMBER_STRING: "kept where it is a number",
    Act.NUMBERS: "kept where it is a number",
    Act.SHIFT_DATE: "date moved into the past",
    Act.SHIFT_DATETIME: "date moved into the past",
    Act.TIME: "time of day kept",
    Act.WORDS: "only words of the vocabulary kept",
    Act.EMPTY: "emptied",
    Act.RECURSE: "every item treated by these rules",
    Act.AGE: f"kept; above {MAX_AGE_YEARS} years becomes 090Y",
    Act.ONE_OF: "kept where it is on the profile's list",
    Act.PATTERN: "kept where it has the profile's form",
}
_FACES = """
## Faces

With `INTERVAL_DEFACE=true` a program beside the gateway, without settings, secrets or (where the system allows it)
network, sets face and ears to 0 before an image is pseudonymised: what lies in front of and below a plane from brows
to the skull base, and a box around each ear, both found by the alignment with the atlas; nothing within 10 mm of the
brain. No byte outside the pixel data changes, and all series of a frame of reference lose the same region. Only then do
code 113102 (Clean Recognizable Visual Features Option) and Recognizable Visual Features NO stand in the output. Images
that are compressed, whose slices are thicker than 4.5 mm, or in which no brain is found are refused. It is off unless
the site asks for it; copies that were made before stay as they are.
"""
_REPLACED = {"00100010": "replaced by the pseudonym", "00100020": "replaced by the pseudonym"}


def conformance_statement(profile: Profile) -> str:
    """Return the statement as Markdown.

    Parameters
    ----------
    profile : Profile
    """
    parts = [
        _head(profile),
        _options(profile),
        _classes(profile),
        _FACES,
        _nets(),
        _own_rows(profile),
        _private(profile),
        _limits(),
        _table(profile),
    ]
    return "\n".join(parts)


def _head(profile: Profile) -> str:
    return f"""# Pseudonymisation: conformance statement

This page is generated from the profile `{profile.name}` ({profile.title}). Do not edit it; run
`python -m gateway.pseudonymise.conformance > docs/pseudonymisation.md`.

Interval applies the Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E, edition
{profile.edition}, with the options below, to every object that leaves the clinical zone. An object that can't be
treated completely does not leave: it is quarantined with a reason. The result is pseudonymous, not anonymous: with
the gateway's key and vault, and only with both, a result finds the way back to its patient.

## Keys and names

- One secret per key id; HKDF-SHA256 derives separate keys for pseudonyms, UIDs, date shifts, the vault and released
  UIDs. A missing, short, regular or default secret stops the start.
- Pseudonym: `IV-` and 12 characters, 60 bits of HMAC-SHA256 of patient ID and issuer of patient ID. It replaces
  Patient's Name and Patient ID. A second, readable name (adjective, noun, number) is for conversation only.
- UIDs: `2.25.` and 122 bits of HMAC-SHA256 of the original UID. UIDs that the standard defines stay. Equal UIDs stay
  equal over all files and references.
- Dates: moved into the past by 366 to 3652 days, the same for all dates of a patient, so intervals stay exact. The
  time of day stays where an image needs one.
- Key rotation: stop the gateway, give the new key and its id (`INTERVAL_PSEUDONYM_KEY_FILE`,
  `INTERVAL_PSEUDONYM_KEY_ID`), name the old one in `INTERVAL_PSEUDONYM_RETIRED_KEYS` (`key-1=/path/of/its/file`, newest
  first) and start. Patients who are in the vault stay under the key that they were first met with; their rows and
  quarantined uploads still open. The gateway does not start while the database needs a key that it was not given.
- Vault: AES-256-GCM, one row per study, bound to its row key and key id.
- Corrections: when a patient's data changes in the clinical archive, no result is released until an operator confirms
  the change (`POST /api/cases/{{case_id}}/patient`). What is taken over is the archive's data, never something typed;
  who, when, why and which attributes stand in a table that the database itself only lets grow. A patient ID that was
  merged into another, or a corrected sex, has the study pseudonymised and measured anew.
"""


def _options(profile: Profile) -> str:
    codes = ("113100", *profile.options)
    lines = "\n".join(f"| {code} | {OPTION_NAMES[code]} |" for code in codes)
    return f"""## Options

They are written into De-identification Method Code Sequence (0012,0064) of every output, beside Patient Identity
Removed YES and Longitudinal Temporal Information Modified MODIFIED.

| code (DCM) | meaning |
|---|---|
{lines}
"""


def _classes(profile: Profile) -> str:
    lines = "\n".join(f"| {uid} | {name} |" for uid, name in profile.sop_classes.items())
    return f"""## Objects that may leave

| SOP class | |
|---|---|
{lines}

Everything else is refused: secondary captures, ultrasound, encapsulated documents, reports and private objects can
show or hold identity where no rule reaches it. So are images with Burned In Annotation other than NO, images that
were scanned or captured (Conversion Type), and images with an overlay inside their pixel data.
"""


def _nets() -> str:
    return f"""## What no row names

The rules apply at every depth. An attribute that is in the data dictionary but in no row falls to a net by its value
representation; one that is not in the dictionary, or is encoded as something else than the dictionary says, is
removed. So are private attributes (except those below), group lengths, overlays, curves, bulk data other than the
pixel data, and what lies behind the data set. File meta information is written anew and the preamble is zero.

| value representation | treatment |
|---|---|
| PN, AE | a value becomes {DUMMY_TEXT.decode()} |
| LO, SH, ST, LT, UT, UC | only words of a closed vocabulary stay, and none that is part of a person's name in the \
object; if nothing stays, {DUMMY_TEXT.decode()} |
| UR, OB, OW, OF, OD, OL, OV, UN | removed |
| CS | defined terms stay, any other value becomes {OTHER_TERM.decode()} |
| UI | keyed UID |
| DA, DT | moved into the past; emptied where it is no date |
| TM | stays; emptied where it is no time |
| AS | stays up to {MAX_AGE_YEARS} years, above becomes 090Y |
| DS, IS | stays; emptied where it is no number |
| US, SS, UL, SL, FL, FD, SV, UV, AT | stays where it has the dictionary's number of values and is no text |
| SQ | every item is treated |

Pixel data passes untouched. Beside compressed pixels, comments, application data (but for what a decoder needs of it)
and bytes behind the end of the image are blanked; the pixels decode to the same values.
"""


def _own_rows(profile: Profile) -> str:
    rows = "\n".join(
        f"| ({row.tag[:4]},{row.tag[4:].upper()}) | {row.name} | {_treatment(profile, row.tag)} | {row.source} |"
        for row in profile.attributes
    )
    groups = "\n".join(f"| {group}: {reason} |" for group, reason in profile.removed_groups.items())
    return f"""## Rows of the profile itself

They come before the table's.

| tag | attribute | treatment | source |
|---|---|---|---|
{rows}

Groups in which everything that no row names is removed:

| group |
|---|
{groups}
"""


def _private(profile: Profile) -> str:
    rows = "\n".join(
        f"| ({row.group},xx{row.element.upper()}) | {row.creator} | {row.name} | {row.values} {row.vr} | {row.source} |"
        for row in profile.safe_private
    )
    return f"""## Safe private attributes

Kept only as plain numbers of the stated count, under exactly this private creator. Vendors' header blocks (CSA and
the like) are never kept: they hold serial numbers and times.

| tag | private creator | attribute | value | source |
|---|---|---|---|---|
{rows}
"""


def _limits() -> str:
    return f"""## Limits of input

Refused with a reason: no DICOM file; lengths that the file does not hold; elements out of order or repeated;
sequences deeper than {MAX_DEPTH}; more than {MAX_ELEMENTS:,} elements; a deflated data set that inflates
beyond 50 times its size (8 MiB at least); big endian order; pixel data shorter or longer than rows,
columns, frames, samples and bits ask for; fewer fragments than frames; Study, Series or SOP Instance UIDs that are
no UIDs; no patient ID.

## What it does not do

- It does not look at pixels: faces in head images stay, and so does text in pixels that no attribute declares.
- The time of day of the study and its images stays.
"""


def _table(profile: Profile) -> str:
    rows = "\n".join(
        f"| {_shown_tag(row.tag)} | {row.name} | {row.action} | {_used_options(profile, row)} "
        f"| {_treatment(profile, row.tag)} |"
        for row in profile.table
    )
    return f"""## Table E.1-1, row by row

| tag | attribute | basic profile | options in use | treatment |
|---|---|---|---|---|
{rows}
"""


def _shown_tag(tag: str) -> str:
    return f"({tag[:4]},{tag[4:]})".upper().replace("X", "x") if tag != "private" else "private"


def _used_options(profile: Profile, row: TableRow) -> str:
    used = [f"{code} {row.options[code]}" for code in profile.options if code in row.options]
    return ", ".join(used)


def _treatment(profile: Profile, tag: str) -> str:
    if tag in _REPLACED:
        return _REPLACED[tag]
    if tag == "private":
        return "removed, except the safe private attributes"
    rule = profile.rules.get(int(tag, 16)) if "x" not in tag else None
    return _in_words(rule) if rule is not None else "removed"


def _in_words(rule: Rule) -> str:
    if rule.act is Act.DUMMY:
        return "removed" if rule.fallback is None else f"replaced by {_shown(rule.fallback)}"
    text = _TREATMENTS[rule.act]
    if rule.act not in (Act.WORDS, Act.ONE_OF, Act.PATTERN):
        return text
    if rule.fallback is None:
        return text + ", else removed"
    return text + (f", else {_shown(rule.fallback)}" if rule.fallback else ", else emptied")


def _shown(value: bytes) -> str:
    if not value:
        return "an empty value"
    return value.decode("ascii") if value.isalnum() else "zero"


if __name__ == "__main__":
    sys.stdout.write(conformance_statement(load_profile()))
