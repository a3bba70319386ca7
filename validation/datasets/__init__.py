"""Reference datasets: pinned manifests (``*.yaml``), and the cases that they describe.

A manifest says where a set comes from, under which licence, and the SHA-256 of every file: what differs by a byte is
another set. Phantoms are made, not fetched; their manifest pins what they are made of.
"""

from validation.datasets.cases import ReferenceCase, Truth, read_case
from validation.datasets.manifest import (
    CaseEntry,
    GradedBy,
    Manifest,
    UnknownDataset,
    all_manifests,
    find_manifest,
)

__all__ = [
    "CaseEntry",
    "GradedBy",
    "Manifest",
    "ReferenceCase",
    "Truth",
    "UnknownDataset",
    "all_manifests",
    "find_manifest",
    "read_case",
]
