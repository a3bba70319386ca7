"""DICOM over TLS with real archives: who is answered, who is believed, and that nothing goes in clear."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from demo.installation import Ports
from gateway import pacs
from gateway.association import PacsNode
from gateway.commitment import CommitmentListener, CommitmentReport, request_commitment
from gateway.dicom_tls import TlsFiles
from gateway.query_retrieve import find, move_series
from processing.domain.errors import InputRejected, Transient
from tests.certificates import Authority, Identity
from tests.integration.deploy.archive import archive

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Hospital:
    """A PACS and Interval's clinical archive, both over TLS, and one authority that both believe."""

    pacs_port: int
    clinical_port: int
    reports_port: int
    folder: Path
    authority: Authority
    interval: Identity

    def files(
        self, identity: Identity | None = None, authorities: Path | None = None, *, names: bool = True
    ) -> TlsFiles:
        who = identity or self.interval
        return TlsFiles(who.certificate, who.key, authorities or self.authority.certificate, names)

    def pacs(self, files: TlsFiles | None = None, own_aet: str = "INTERVAL", host: str = "127.0.0.1") -> PacsNode:
        return PacsNode(host, self.pacs_port, "PACS", own_aet, (files or self.files()).calling())

    def clinical(self, own_aet: str, files: TlsFiles | None = None) -> PacsNode:
        return PacsNode("127.0.0.1", self.clinical_port, "CLINICAL", own_aet, (files or self.files()).calling())


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("hospital")
    authority = Authority(folder, "authority")
    ports = Ports.free()

    def modality(aet: str, port: int) -> dict[str, object]:
        return {"AET": aet, "Host": "127.0.0.1", "Port": port, "UseDicomTls": True}

    with (
        archive(
            folder / "pacs",
            "demo-pacs",
            modalities={
                "interval": modality("INTERVAL", ports.reports),
                "clinical": modality("CLINICAL", ports.clinical_dicom),
            },
            identity=authority.identity("pacs"),
            authorities=authority.certificate,
            port=ports.pacs_dicom,
        ),
        archive(
            folder / "clinical",
            "clinical",
            modalities={
                "pacs": modality("PACS", ports.pacs_dicom),
                "scanner": modality("SCANNER", 104),
                "elsewhere": ["ELSEWHERE", "192.0.2.7", 104],
                "workstation": {"AET": "READS", "Host": "127.0.0.1", "Port": 104, "AllowFind": True},
            },
            identity=authority.identity("clinical", with_rsa=True),
            authorities=authority.certificate,
            port=ports.clinical_dicom,
        ),
    ):
        yield Hospital(
            ports.pacs_dicom,
            ports.clinical_dicom,
            ports.reports,
            folder,
            authority,
            authority.identity("interval"),
        )


@pytest.fixture
def image() -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.PatientID, dataset.PatientName, dataset.Modality = "TLS", "Test^Tls", "OT"
    dataset.Rows = dataset.Columns = 2
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = b"\x00\x01\x02\x03"
    return dataset


def test_results_are_stored_and_found_over_tls(hospital: Hospital, image: Dataset) -> None:
    node = hospital.pacs()
    assert pacs.store(node, [image]) == ()
    held = pacs.find_instances(node, image.StudyInstanceUID, image.SeriesInstanceUID)
    assert held == frozenset({image.SOPInstanceUID})


def test_nobody_is_answered_in_clear(hospital: Hospital) -> None:
    in_clear = PacsNode("127.0.0.1", hospital.clinical_port, "CLINICAL", "SCANNER")
    with pytest.raises(Transient):
        pacs.echo(in_clear, timeout_s=10)
    pacs.echo(hospital.clinical("SCANNER"), timeout_s=10)


def test_a_caller_with_a_certificate_of_another_authority_is_not_answered(hospital: Hospital) -> None:
    other = Authority(hospital.folder, "other").identity("stranger")
    with pytest.raises(Transient):
        pacs.echo(hospital.clinical("SCANNER", hospital.files(other)), timeout_s=10)


@pytest.mark.parametrize(
    ("version", "is_answered"), [("tls1", False), ("tls1_1", False), ("tls1_2", True), ("tls1_3", True)]
)
def test_old_versions_of_tls_are_not_answered(hospital: Hospital, version: str, is_answered: bool) -> None:
    called = f"127.0.0.1:{hospital.clinical_port}"
    who = ("-cert", str(hospital.interval.certificate), "-key", str(hospital.interval.key))
    caller = ("openssl", "s_client", "-connect", called, f"-{version}", "-cipher", "ALL:@SECLEVEL=0", *who)
    said = subprocess.run(caller, input="", capture_output=True, text=True, timeout=60, check=False).stdout
    assert ("Cipher is (NONE)" not in said) is is_answered
    assert "Cipher is " in said


def test_a_pacs_with_a_certificate_of_another_authority_gets_nothing(hospital: Hospital, image: Dataset) -> None:
    believes_others = hospital.files(authorities=Authority(hospital.folder, "elsewhere").certificate)
    with pytest.raises(Transient, match="certificate of the PACS is not believed"):
        pacs.store(hospital.pacs(believes_others), [image])
    assert not pacs.find_instances(hospital.pacs(), image.StudyInstanceUID, image.SeriesInstanceUID)


def test_a_pacs_must_be_the_host_that_its_certificate_names(hospital: Hospital, tmp_path: Path) -> None:
    elsewhere = hospital.authority.identity("elsewhere-host", hosts=(x509.DNSName("pacs.example.org"),))
    ports = Ports.free()
    with archive(
        tmp_path,
        "demo-pacs",
        modalities={"interval": ["INTERVAL", "127.0.0.1", 104]},
        identity=elsewhere,
        authorities=hospital.authority.certificate,
        port=ports.pacs_dicom,
    ) as running:
        named = PacsNode("127.0.0.1", running.dicom_port, "PACS", "INTERVAL", hospital.files().calling())
        with pytest.raises(Transient, match="certificate of the PACS is not believed"):
            pacs.echo(named, timeout_s=10)
        unnamed = hospital.files(names=False).calling()
        pacs.echo(PacsNode("127.0.0.1", running.dicom_port, "PACS", "INTERVAL", unnamed), timeout_s=10)


def test_storage_commitment_goes_both_ways_over_tls(hospital: Hospital, image: Dataset) -> None:
    reports: list[CommitmentReport] = []
    came = threading.Event()

    def take(report: CommitmentReport) -> None:
        reports.append(report)
        came.set()

    listener = CommitmentListener("INTERVAL", ["PACS"], take, hospital.files().called())
    port = listener.start("127.0.0.1", hospital.reports_port)
    try:
        assert pacs.store(hospital.pacs(), [image]) == ()
        transaction_uid = generate_uid()
        assert request_commitment(hospital.pacs(), transaction_uid, [image])
        assert came.wait(timeout=60)
        assert reports == [CommitmentReport(transaction_uid, frozenset({image.SOPInstanceUID}), frozenset())]
        with pytest.raises(Transient):
            pacs.echo(PacsNode("127.0.0.1", port, "INTERVAL", "PACS"), timeout_s=10)
        stranger = hospital.files(Authority(hospital.folder, "third").identity("third-stranger")).calling()
        with pytest.raises(Transient):
            pacs.echo(PacsNode("127.0.0.1", port, "INTERVAL", "PACS", stranger), timeout_s=10)
    finally:
        listener.stop()


def test_an_earlier_study_is_found_and_moved_over_tls(hospital: Hospital, image: Dataset) -> None:
    assert pacs.store(hospital.pacs(), [image]) == ()
    keys = {"PatientID": "TLS", "StudyInstanceUID": image.StudyInstanceUID}
    assert len(find(hospital.pacs(), "STUDY", keys)) == 1
    moved = move_series(
        hospital.pacs(), image.StudyInstanceUID, image.SeriesInstanceUID, "CLINICAL", on_moved=lambda _: None
    )
    assert moved == 1


@pytest.mark.parametrize("calling", ["STRANGER", "ELSEWHERE"])
def test_only_known_titles_from_their_hosts_may_send(hospital: Hospital, image: Dataset, calling: str) -> None:
    with pytest.raises((InputRejected, Transient)):
        pacs.store(hospital.clinical(calling), [image])
    assert pacs.store(hospital.clinical("SCANNER"), [image]) == ()


def test_who_may_send_may_not_look_at_what_others_sent(hospital: Hospital, image: Dataset) -> None:
    """A scanner that was taken over is no way to the hospital's images; a site may say otherwise for one peer."""
    assert pacs.store(hospital.clinical("SCANNER"), [image]) == ()
    keys = {"PatientID": "TLS", "StudyInstanceUID": image.StudyInstanceUID}
    with pytest.raises((InputRejected, Transient)):
        find(hospital.clinical("SCANNER"), "STUDY", keys)
    with pytest.raises((InputRejected, Transient)):
        move_series(
            hospital.clinical("SCANNER"),
            image.StudyInstanceUID,
            image.SeriesInstanceUID,
            "PACS",
            on_moved=lambda _: None,
        )
    assert len(find(hospital.clinical("READS"), "STUDY", keys)) == 1
