"""Enhanced MR images as a scanner writes them: one object for a whole series (PS3.3 A.36.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, EnhancedMRImageStorage

from tests.unit.gateway.brain_studies import PIXEL_MM, SIDE, SLICE_GAP_MM, SLICES, Person, new_uid, series

_TIMES = {"FLAIR": (9000.0, 92.0, 2500.0), "T1": (2300.0, 3.0, 900.0), "T2": (5000.0, 95.0, None)}


def enhanced_series(
    person: Person,
    study_uid: str,
    study_date: str,
    kind: str = "FLAIR",
    *,
    slices: Sequence[int] = tuple(range(SLICES)),
) -> Dataset:
    """Return a series of one contrast as one multi-frame image; frames are stored from the top down."""
    image = series(person, study_uid, study_date, kind, slices=[0])[0]
    for keyword in ("ScanningSequence", "SequenceVariant", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle"):
        if keyword in image:
            delattr(image, keyword)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(image, keyword)
    for keyword in ("SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime"):
        delattr(image, keyword)
    image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(new_uid())
    image.ImageType = ["ORIGINAL", "PRIMARY", "T2", "NONE"]
    _add_modules(image, study_date)
    places = sorted(slices, reverse=True)
    image.NumberOfFrames = len(places)
    image.SharedFunctionalGroupsSequence = [_shared_groups(kind)]
    organisation = UID(new_uid())
    image.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=organisation)]
    image.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=0x00200032,
            FunctionalGroupPointer=0x00209113,
        )
    ]
    image.PerFrameFunctionalGroupsSequence = [_frame_groups(n, place) for n, place in enumerate(places, start=1)]
    image.PixelData = b"".join(np.full((SIDE, SIDE), 100 + place, "<u2").tobytes() for place in places)
    return image


def _add_modules(image: Dataset, study_date: str) -> None:
    image.Manufacturer, image.ManufacturerModelName = "ACME", "MR One"
    image.DeviceSerialNumber, image.SoftwareVersions = "4711", "1.0"
    image.AcquisitionDateTime = f"{study_date}101200"
    image.AcquisitionNumber, image.AcquisitionDuration = 1, 240.0
    image.InstanceNumber = 1
    image.PixelPresentation, image.VolumetricProperties = "MONOCHROME", "VOLUME"
    image.VolumeBasedCalculationTechnique, image.ComplexImageComponent = "NONE", "MAGNITUDE"
    image.AcquisitionContrast = "UNKNOWN"
    image.ContentQualification, image.ResonantNucleus = "RESEARCH", "1H"
    image.KSpaceFiltering, image.MagneticFieldStrength = "NONE", 3.0
    image.ApplicableSafetyStandardAgency, image.ApplicableSafetyStandardDescription = "IEC", ""
    image.PulseSequenceName, image.MRAcquisitionType = "tse2d", "2D"
    image.EchoPulseSequence, image.MultipleSpinEcho, image.MultiPlanarExcitation = "SPIN", "YES", "NO"
    image.PhaseContrast, image.TimeOfFlightContrast = "NO", "NO"
    image.SteadyStatePulseSequence, image.EchoPlanarPulseSequence = "NONE", "NO"
    image.SpectrallySelectedSuppression = image.SaturationRecovery = "NONE"
    image.SaturationRecovery = "NO"
    image.SpectrallySelectedExcitation, image.SpatialPresaturation = "NONE", "NONE"
    image.OversamplingPhase, image.GeometryOfKSpaceTraversal = "NONE", "RECTILINEAR"
    image.SegmentedKSpaceTraversal, image.RectilinearPhaseEncodeReordering = "SINGLE", "LINEAR"
    image.NumberOfKSpaceTrajectories = 1
    image.AcquisitionContextSequence = []
    image.PositionReferenceIndicator = ""
    image.PresentationLUTShape, image.BurnedInAnnotation, image.LossyImageCompression = "IDENTITY", "NO", "00"


def _shared_groups(kind: str) -> Dataset:
    repetition, echo, inversion = _TIMES[kind]
    modifier = _item(
        InversionRecovery="YES" if inversion else "NO",
        FlowCompensation="NONE",
        Spoiling="NONE",
        T2Preparation="NO",
        SpectrallySelectedExcitation="NONE",
        SpatialPresaturation="NONE",
        PartialFourier="NO",
        ParallelAcquisition="NO",
    )
    if inversion:
        modifier.InversionTimes = [inversion]
    anatomy = _item(FrameLaterality="U", AnatomicRegionSequence=[_code(codes.SCT.Brain)])
    return _item(
        PixelMeasuresSequence=[_item(PixelSpacing=[PIXEL_MM, PIXEL_MM], SliceThickness=SLICE_GAP_MM)],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        FrameAnatomySequence=[anatomy],
        FrameVOILUTSequence=[_item(WindowCenter=100, WindowWidth=200)],
        PixelValueTransformationSequence=[_item(RescaleIntercept=0, RescaleSlope=1, RescaleType="US")],
        MRImageFrameTypeSequence=[
            _item(
                FrameType=["ORIGINAL", "PRIMARY", "T2", "NONE"],
                PixelPresentation="MONOCHROME",
                VolumetricProperties="VOLUME",
                VolumeBasedCalculationTechnique="NONE",
                ComplexImageComponent="MAGNITUDE",
                AcquisitionContrast="UNKNOWN",
            )
        ],
        MRTimingAndRelatedParametersSequence=[
            _item(
                RepetitionTime=repetition,
                FlipAngle=150.0,
                EchoTrainLength=16,
                RFEchoTrainLength=16,
                GradientEchoTrainLength=0,
                SpecificAbsorptionRateSequence=[
                    _item(SpecificAbsorptionRateDefinition="IEC_HEAD", SpecificAbsorptionRateValue=1.0)
                ],
                GradientOutputType="DB_DT",
                GradientOutput=1.0,
                OperatingModeSequence=[_item(OperatingModeType="STATIC FIELD", OperatingMode="IEC_NORMAL")],
            )
        ],
        MRFOVGeometrySequence=[
            _item(
                InPlanePhaseEncodingDirection="ROW",
                MRAcquisitionFrequencyEncodingSteps=SIDE,
                MRAcquisitionPhaseEncodingStepsInPlane=SIDE,
                PercentSampling=100.0,
                PercentPhaseFieldOfView=100.0,
            )
        ],
        MREchoSequence=[_item(EffectiveEchoTime=echo)],
        MRModifierSequence=[modifier],
        MRImagingModifierSequence=[
            _item(
                MagnetizationTransfer="NONE",
                BloodSignalNulling="NO",
                Tagging="NONE",
                TransmitterFrequency=123.2,
                PixelBandwidth=200.0,
            )
        ],
        MRReceiveCoilSequence=[
            _item(
                ReceiveCoilName="HEAD",
                ReceiveCoilManufacturerName="",
                ReceiveCoilType="VOLUME",
                QuadratureReceiveCoil="NO",
            )
        ],
        MRTransmitCoilSequence=[
            _item(TransmitCoilName="BODY", TransmitCoilManufacturerName="", TransmitCoilType="BODY")
        ],
        MRAveragesSequence=[_item(NumberOfAverages=1.0)],
    )


def _frame_groups(number: int, place: int) -> Dataset:
    content = _item(
        FrameAcquisitionNumber=1,
        DimensionIndexValues=number,
        StackID="1",
        InStackPositionNumber=number,
        FrameReferenceDateTime="20230405101200",
        FrameAcquisitionDateTime="20230405101200",
        FrameAcquisitionDuration=240000.0,
    )
    return _item(
        FrameContentSequence=[content],
        PlanePositionSequence=[_item(ImagePositionPatient=[-60.0, -60.0, place * SLICE_GAP_MM])],
    )


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _code(code: object) -> Dataset:
    return _item(
        CodeValue=code.value,  # type: ignore[attr-defined]  # a concept of pydicom's dictionary
        CodingSchemeDesignator=code.scheme_designator,  # type: ignore[attr-defined]  # pydicom makes it from a dictionary
        CodeMeaning=code.meaning,  # type: ignore[attr-defined]  # pydicom makes it from a dictionary
    )
