"""docs/security.md names the test that proves each line: every one of them is there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path("docs/security.md")
TESTS = {path: path.read_text(encoding="utf-8") for path in Path("tests").rglob("*.py")}


def named() -> list[tuple[str, str]]:
    """Return (file, test) as the page names them; a test without a file is in the file before it."""
    found, file = [], ""
    for words in re.findall(r"`([^`]+)`", PAGE.read_text(encoding="utf-8")):
        match = re.fullmatch(r"((?:[\w/]+/)?(?:test_\w+\.py))?(?:::(test_\w+))?", words)
        if match and (match[1] or match[2]):
            file = match[1] or file
            found.append((file, match[2] or ""))
    return found


def test_every_test_that_the_page_names_is_there() -> None:
    wanted = named()
    assert len(wanted) > 40
    missing = [
        (file, test)
        for file, test in wanted
        if not any(
            f"/{path.as_posix()}".endswith(f"/{file}") and (not test or f"def {test}(" in text)
            for path, text in TESTS.items()
        )
    ]
    assert missing == []
