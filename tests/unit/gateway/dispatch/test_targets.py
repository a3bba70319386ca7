from __future__ import annotations

from pathlib import Path

import pytest

from gateway.dispatch.c_store import CStoreTarget
from gateway.dispatch.stow_rs import StowRsTarget
from gateway.dispatch.targets import make_target
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
    assert isinstance(make_target(settings), CStoreTarget)
    assert make_target(settings).name == "main-pacs"
    stow = settings.model_copy(
        update={
            "target_kind": TargetKind.STOW_RS,
            "target_url": "http://127.0.0.1:9/dicom-web",
            "target_user": "interval",
            "target_password_file": tmp_path / "target",
        }
    )
    assert isinstance(make_target(stow), StowRsTarget)


def test_a_missing_address_is_said_at_the_start(settings: Settings) -> None:
    with pytest.raises(ValueError, match="INTERVAL_TARGET_URL"):
        make_target(settings.model_copy(update={"target_kind": TargetKind.STOW_RS}))


def test_a_missing_password_is_said_at_the_start(settings: Settings) -> None:
    update = {"target_kind": TargetKind.STOW_RS, "target_url": "http://127.0.0.1:9", "target_user": "interval"}
    with pytest.raises(ValueError, match="INTERVAL_TARGET_PASSWORD_FILE"):
        make_target(settings.model_copy(update=update))
