"""Every sentence that the server can say to a reader, found in the source: a blank stands for what is filled in."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from demo.installation import REPOSITORY
from processing.domain.case import CaseEvent

_SPEAKING = (
    *(f"gateway/api/{name}.py" for name in ("cases", "deps", "edits", "images", "probes", "problems", "report")),
    *(f"gateway/api/{name}.py" for name in ("review", "security", "session", "study", "timeline")),
    "gateway/access/accounts.py",
    "gateway/access/oidc.py",
    "gateway/cases/notes.py",
    "gateway/cases/prior.py",
    *(f"gateway/flow/{name}.py" for name in ("delivery", "follow_up", "reports")),
    "gateway/intake/check.py",
    "gateway/release/ratings.py",
    *(f"gateway/review/{name}.py" for name in ("decisions", "edits", "finalise", "grow", "images", "masks")),
    *(f"gateway/review/{name}.py" for name in ("reopening", "second_reader", "tumour_reading")),
    "gateway/studies/conduct.py",
    "processing/dicom/archive.py",
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


def reader_sentences() -> dict[str, str]:
    """Return every sentence and name with the module that says it; ``{}`` stands for a blank."""
    said = {event.value: "processing/domain/case.py" for event in CaseEvent}
    for module in _SPEAKING:
        tree = ast.parse((REPOSITORY / Path(module)).read_text(encoding="utf-8"))
        said |= dict.fromkeys(_sentences(tree), module)
    return said


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
