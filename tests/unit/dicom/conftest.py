from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.dicom.made import Comparison, comparison


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two classic visits with three lesions between them."""
    return comparison(Path(tmp_path_factory.mktemp("compared")))


@pytest.fixture(scope="session")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Two visits between which nothing changed."""
    return comparison(Path(tmp_path_factory.mktemp("unchanged")), lesions=0)


@pytest.fixture(scope="session")
def compared_multi_frame(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """The current visit as an enhanced multi-frame image whose frames run backwards."""
    return comparison(Path(tmp_path_factory.mktemp("multi-frame")), multi_frame=True)
