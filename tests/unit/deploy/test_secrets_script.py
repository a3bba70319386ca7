"""What deploy/secrets.sh makes."""

from __future__ import annotations

import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from demo.installation import REPOSITORY
from gateway.settings import read_secret

PASSWORDS = ("database-password", "broker-password", "clinical-gateway", "research-gateway", "research-worker")


def _make(folder: Path, host: str = "interval.example.org") -> None:
    script = str(REPOSITORY / "deploy" / "secrets.sh")
    subprocess.run((script, host, str(folder)), check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site") / "secrets"
    _make(made)
    return made


def test_each_secret_is_strong_and_its_own(folder: Path) -> None:
    secrets = {read_secret(folder / name, at_least=32) for name in (*PASSWORDS, "pseudonym-key")}
    assert len(secrets) == len(PASSWORDS) + 1
    assert all(
        set(secret) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") for secret in secrets
    )


def test_nobody_else_gets_into_the_folder_and_the_authority_s_key_is_for_nobody(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "authority-key").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["https", "dicom", "workers"])
def test_certificates_name_the_host_and_fit_their_keys(folder: Path, name: str) -> None:
    certificate = x509.load_pem_x509_certificate((folder / f"{name}-certificate").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["interval.example.org"]
    authority = x509.load_pem_x509_certificate((folder / "authority-certificate").read_bytes())
    certificate.verify_directly_issued_by(authority)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / f"{name}-certificate", folder / f"{name}-key")


def test_what_is_there_already_stays(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    _make(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_host_that_is_none_is_refused(tmp_path: Path) -> None:
    script = str(REPOSITORY / "deploy" / "secrets.sh")
    refused = subprocess.run((script, "a b; rm", str(tmp_path / "s")), capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert not (tmp_path / "s").exists()
