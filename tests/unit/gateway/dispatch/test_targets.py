from __future__ import annotations

from pathlib import Path

import pytest

from gateway.dispatch.c_store import CStoreTarget
from gateway.dispatch.stow_rs import StowRsTarget
from gateway.dispatch.targets import make_targets
from gateway.settings import Settings, TargetKind


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("clinical", "research", "key", "target"):
        (tmp_path / name).write_text(f"the {name} file opens a door of its own\n", encoding="utf-8")
    return Settings(
        clinical_password_file=tmp_path / "clinical",
        research_password_file=tmp_path / "research",
        pseudonym_key_file=tmp_path / "key",
        target_name="main-pacs",
    )


def test_the_settings_choose_the_kind(settings: Settings, tmp_path: Path) -> None:
    (target,) = make_targets(settings)
    assert isinstance(target, CStoreTarget)
    assert target.name == "main-pacs"
    stow = settings.model_copy(
        update={
            "target_kind": TargetKind.STOW_RS,
            "target_url": "http://127.0.0.1:9/dicom-web",
            "target_user": "interval",
            "target_password_file": tmp_path / "target",
        }
    )
    assert isinstance(make_targets(stow)[0], StowRsTarget)


def test_a_missing_address_is_said_at_the_start(settings: Settings) -> None:
    with pytest.raises(ValueError, match="DICOMweb address"):
        make_targets(settings.model_copy(update={"target_kind": TargetKind.STOW_RS}))


def test_a_missing_password_is_said_at_the_start(settings: Settings) -> None:
    update = {"target_kind": TargetKind.STOW_RS, "target_url": "http://127.0.0.1:9", "target_user": "interval"}
    with pytest.raises(ValueError, match="password"):
        make_targets(settings.model_copy(update=update))
