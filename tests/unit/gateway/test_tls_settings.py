"""What a site says about TLS and about the broker's password."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.dicom_tls import TlsFiles
from gateway.settings import Settings
from processing.authorities import believed
from processing.broker import verified, with_password
from tests.certificates import Authority


@pytest.fixture
def told(tmp_path: Path) -> dict[str, object]:
    names = ("clinical_password_file", "research_password_file", "pseudonym_key_file")
    return {name: tmp_path / name for name in names}


@pytest.mark.parametrize(
    "wanted",
    [
        {"target_tls": True},
        {"pacs_tls": True},
        {"commitment_tls": True},
        {"more_targets": [{"name": "archive", "tls": True}]},
    ],
)
def test_tls_without_an_identity_is_refused_at_the_start(told: dict[str, object], wanted: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="INTERVAL_DICOM_TLS"):
        Settings.model_validate(told | wanted)


def test_tls_is_used_where_it_is_wanted_and_nowhere_else(told: dict[str, object], tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    identity = authority.identity("interval")
    files = {
        "dicom_tls_certificate_file": identity.certificate,
        "dicom_tls_key_file": identity.key,
        "dicom_tls_authorities_file": authority.certificate,
    }
    settings = Settings.model_validate(told | files)
    assert settings.calling_tls(False) is None
    context = settings.calling_tls(True)
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    # Of the whole world only this authority is believed.
    assert len(context.get_ca_certs()) == 1
    called = TlsFiles(identity.certificate, identity.key, authority.certificate).called()
    assert called.verify_mode is ssl.CERT_REQUIRED


def test_a_key_that_does_not_fit_is_named_without_its_path(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    one, other = authority.identity("one"), authority.identity("other")
    with pytest.raises(ValueError, match=r"^one.pem and other-key.pem are no certificate and its key$"):
        TlsFiles(one.certificate, other.key, authority.certificate).calling()
    with pytest.raises(ValueError, match=r"^missing.pem holds no certificates$"):
        TlsFiles(one.certificate, one.key, tmp_path / "missing.pem").called()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://broker:6379/0", "redis://:p%40ss%2Fword@broker:6379/0"),
        ("rediss://other:old@broker/1", "rediss://other:p%40ss%2Fword@broker/1"),
    ],
)
def test_the_brokers_password_comes_from_a_file(tmp_path: Path, url: str, expected: str) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/word\n", encoding="utf-8")
    assert with_password(url, file) == expected
    assert with_password(url, None) == url
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(ValueError, match="missing or empty"):
        with_password(url, file)


def test_a_broker_over_tls_must_show_a_certificate_that_is_believed_and_names_it() -> None:
    asked = "ssl_cert_reqs=required&ssl_check_hostname=true"
    assert verified("rediss://:word@broker/1") == f"rediss://:word@broker/1?{asked}"
    assert verified("rediss://broker/1?ssl_cert_reqs=none") == f"rediss://broker/1?{asked}"
    assert verified("redis://:word@broker/1") == "redis://:word@broker/1"


def test_the_site_names_whom_it_believes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    believed.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path, "site").certificate))
    try:
        assert len(believed().get_ca_certs()) == 1
        believed.cache_clear()
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
        with pytest.raises(ValueError, match="SSL_CERT_FILE"):
            believed()
    finally:
        believed.cache_clear()
