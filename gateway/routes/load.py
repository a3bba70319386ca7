"""Reading a routes file; whatever is wrong with it is said with its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from gateway.routes.model import Route, RouteTable
from processing.pipelines.spec import PipelineSpec

DEFAULT = Path(__file__).with_name("default.yaml")
Place = tuple[str | int, ...]
"""Way from the top of the file to a value: keys and positions."""


class RoutesInvalid(ValueError):
    """The file can't be used; the message has a line for each mistake: file, line, place, what is wrong."""


def load_routes(path: Path | None, specs: Sequence[PipelineSpec], targets: Collection[str]) -> RouteTable:
    """Read and check a routes file.

    Parameters
    ----------
    path : Path or None
        The file that comes with Interval when none is given.
    specs : sequence of PipelineSpec
        The pipelines that are installed.
    targets : collection of str
        The targets that are configured.

    Raises
    ------
    RoutesInvalid
        If it can't be read, is no YAML, or asks for something that does not exist.
    """
    path = path or DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as unreadable:
        raise RoutesInvalid(f"{path.name}: the file can't be read") from unreadable
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = _content(root)
    except yaml.MarkedYAMLError as broken:
        line = broken.problem_mark.line + 1 if broken.problem_mark is not None else 1
        raise RoutesInvalid(f"{path.name}:{line}: this is no YAML: {broken.problem}") from broken
    except RecursionError as endless:
        raise RoutesInvalid(f"{path.name}:1: a part of the file contains itself") from endless
    mistakes = [(place, f"'{place[-1]}' stands here twice") for place in _repeated(root)]
    table = None
    if not mistakes:
        try:
            table = RouteTable.model_validate(content)
        except ValidationError as invalid:
            mistakes = [(tuple(error["loc"]), _words(error["msg"], error["type"])) for error in invalid.errors()]
            # What is too short only because of a mistake inside is no mistake of its own.
            inner = [place for place, _ in mistakes]
            mistakes = [
                (place, what)
                for place, what in mistakes
                if not any(len(other) > len(place) and other[: len(place)] == place for other in inner)
            ]
    if table is not None:
        mistakes = list(_contradictions(table, specs, targets))
        if not mistakes:
            return table
    lines = sorted((_line(root, place), place, what) for place, what in mistakes)
    raise RoutesInvalid("\n".join(f"{path.name}:{line}: {_name(place)}: {what}" for line, place, what in lines))


def _content(node: yaml.Node | None) -> object:
    """Return the values as they are written: no word is taken for a date, a number or a truth value here."""
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _content(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_content(item) for item in node.value]
    return node.value if node is not None else None


def _contradictions(
    table: RouteTable, specs: Sequence[PipelineSpec], targets: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """Yield what the file asks for and this installation can't do."""
    by_name = {spec.name: spec for spec in specs}
    seen: set[str] = set()
    for number, route in enumerate(table.routes):
        place: Place = ("routes", number)
        if route.name in seen:
            yield (*place, "name"), "another route has this name"
        seen.add(route.name)
        spec = by_name.get(route.pipeline)
        if spec is None:
            yield (*place, "pipeline"), f"no such pipeline; installed are: {', '.join(sorted(by_name))}"
        else:
            yield from _unfit_roles(route, spec, (*place, "series"))
        for index, target in enumerate(route.targets):
            if target not in targets:
                yield (*place, "targets", index), f"no such target; configured are: {', '.join(sorted(targets))}"


def _unfit_roles(route: Route, spec: PipelineSpec, place: Place) -> Iterator[tuple[Place, str]]:
    taken = {series.role for series in spec.inputs}
    for key, roles in (("required", route.series.required), ("wanted", route.series.wanted)):
        for index, role in enumerate(roles):
            if role not in taken:
                yield (*place, key, index), f"{spec.name} does not use {role.value}, so it must not be sent there"
    for role in spec.required_roles:
        if role not in route.series.required:
            yield (*place, "required"), f"{spec.name} can't run without {role.value}"


def _repeated(node: yaml.Node | None, place: Place = ()) -> Iterator[Place]:
    """Yield the places of keys that stand twice in one mapping: YAML readers silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                yield (*place, str(key.value))
            seen.add(str(key.value))
            yield from _repeated(value, (*place, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, (*place, index))


def _line(node: yaml.Node | None, place: Place) -> int:
    """Return the line of a place, or of the nearest thing around it that is there; the last one of a repeated key."""
    line = 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if str(key.value) == str(step)]
            if not found:
                break
            key, node = found[-1]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _name(place: Place) -> str:
    return ".".join(f"{step + 1}" if isinstance(step, int) else step for step in place) or "the file"


def _words(message: str, kind: str) -> str:
    return {
        "missing": "this is missing",
        "extra_forbidden": "there is no such word here",
        "model_type": "a list of words with values is needed here",
    }.get(kind, message.removeprefix("Value error, "))
