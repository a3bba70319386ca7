"""Every sentence that the server can say to a reader, found in the source: a blank stands for what is filled in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from demo.installation import REPOSITORY
from gateway.audit.trail import AuditAction
from processing.domain.case import CaseEvent
from processing.domain.versions import Basis

_SPEAKING = (
    *(f"gateway/api/{name}.py" for name in ("cases", "deps", "edits", "images", "probes", "problems", "report")),
    *(f"gateway/api/{name}.py" for name in ("review", "security", "session", "study", "timeline")),
    *(f"gateway/api/{name}.py" for name in ("explanation", "releases", "technologist")),
    "gateway/access/accounts.py",
    "gateway/access/oidc.py",
    "gateway/association.py",
    "gateway/audit/trail.py",
    *(f"gateway/cases/{name}.py" for name in ("complete", "notes", "prior", "route", "select")),
    *(f"gateway/flow/{name}.py" for name in ("arrival", "delivery", "follow_up", "identification", "operations")),
    *(f"gateway/flow/{name}.py" for name in ("orders", "preparation", "priors", "release", "reports", "shipping")),
    *(f"gateway/flow/{name}.py" for name in ("sight", "step", "time_points", "transfer")),
    "gateway/intake/check.py",
    *(f"gateway/jobs/{name}.py" for name in ("outcome", "submit", "sweep")),
    "gateway/query_retrieve.py",
    *(f"gateway/release/{name}.py" for name in ("monitoring", "ratings", "standing")),
    *(f"gateway/review/{name}.py" for name in ("decisions", "edits", "finalise", "grow", "images", "masks")),
    *(f"gateway/review/{name}.py" for name in ("reopening", "second_reader", "signing", "tumour_reading")),
    "gateway/studies/conduct.py",
    "processing/dicom/archive.py",
    "processing/dicom/geometry.py",
    "processing/domain/versions.py",
    *(f"processing/pipelines/ms_longitudinal/{name}.py" for name in ("contrasts", "network", "pipeline")),
    *(f"processing/pipelines/tumour_volumetry/{name}.py" for name in ("coregistration", "pipeline", "spec")),
    *(f"processing/stages/{name}.py" for name in ("brain", "normalise", "quality", "register", "register_contrast")),
    "processing/worker/run_job.py",
)
"""Modules whose sentences reach a reader: refusals, reasons on the worklist, notes, warnings."""

_UNSAID = frozenset({"Defect", "problems", "_log", "Query", "Field", "Path"})
"""What goes to the log or into the description of the interface: a reader is told something general instead."""

_NAMING = frozenset({"QualityFigure", "progress"})
"""Their first argument is a name that is shown."""

_EXPLAINING = (
    *(f"gateway/cases/{name}.py" for name in ("contrast", "route", "select")),
    "gateway/release/monitoring.py",
    "gateway/routes/match.py",
)
"""Modules that put reasons together from phrases: why a series was taken, why a route fits, what drifts."""

_NOTING = frozenset({"_audit", "_keep", "_note", "_note_upload", "keep", "keep_in"})
"""Functions that are given the detail of an entry in the audit trail."""

_NAMES = (CaseEvent, AuditAction, Basis)
"""Values that are shown as they are: the history, the audit trail, and why a version passed the gate."""


def reader_sentences() -> dict[str, str]:
    """Return every sentence, phrase and name with the module that says it; ``{}`` stands for a blank."""
    said = {one.value: names.__module__ for names in _NAMES for one in names}
    for module in _SPEAKING:
        said |= dict.fromkeys(_sentences(_tree(module)), module)
    for module in _EXPLAINING:
        said |= dict.fromkeys(_phrases(_tree(module)), module)
    for path in sorted((REPOSITORY / "gateway").rglob("*.py")):
        module = path.relative_to(REPOSITORY).as_posix()
        said |= dict.fromkeys(_details(_tree(module)), module)
    return said


def _tree(module: str) -> ast.Module:
    return ast.parse((REPOSITORY / Path(module)).read_text(encoding="utf-8"))


def _sentences(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # documentation
    if isinstance(node, ast.FunctionDef) and node.name in _UNSAID:
        return
    if isinstance(node, ast.Call):
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in _UNSAID:
            return
        if called in _NAMING and node.args and (name := _template(node.args[0])):
            yield name
    template = _template(node)
    if template is not None:
        if _is_sentence(template):
            yield template
        return
    for child in ast.iter_child_nodes(node):
        yield from _sentences(child)


def _phrases(node: ast.AST) -> Iterator[str]:
    """Yield every phrase of a module, but for documentation and the values of enumerations."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("field", "ConfigDict"):
        return
    template = _template(node)
    if template is not None:
        phrase = template.replace("_", " ").removeprefix("; ").strip()
        if _is_phrase(phrase):
            yield phrase if template.startswith("; ") or template.strip() == template else f"{{}} {phrase}"
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(node, ast.ClassDef) and isinstance(child, ast.Assign)):
            yield from _phrases(child)


def _is_phrase(text: str) -> bool:
    words = re.findall(r"[a-z]+", text.replace("{}", " "))
    begins = text[:1].islower() or text.startswith(("{}", "T"))  # as in T1-weighted
    return begins and (len(words) > 1 or any(len(word) > 3 for word in words))


def _details(node: ast.AST) -> Iterator[str]:
    """Yield what is kept beside an event or an action: given as `detail`, or to a function that notes it."""
    for one in ast.walk(node):
        if isinstance(one, ast.Call):
            called = one.func.id if isinstance(one.func, ast.Name) else getattr(one.func, "attr", "")
            given = [keyword.value for keyword in one.keywords if keyword.arg == "detail"]
            given += one.args if called in _NOTING or any(getattr(arg, "id", "") in _NOTING for arg in one.args) else []
            for value in given:
                yield from _phrases(value)
        elif isinstance(one, ast.Assign) and any(getattr(target, "id", "") == "detail" for target in one.targets):
            yield from _phrases(one.value)


def _is_sentence(text: str) -> bool:
    words = text.replace("{}", "").split()
    if len(words) < 3 or not (text[0].isupper() or text.startswith("{}")):
        return False
    return text.endswith((".", "?", ": {}"))


def _template(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        return "".join(str(part) for part in parts)
    return None
