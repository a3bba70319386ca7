"""What the API says and accepts, room by room. The viewer's client is generated from these."""

from gateway.api.schemas.access import Credentials, SessionInfo, SignInWays
from gateway.api.schemas.audit import AuditLine, AuditPage, AuditVerification
from gateway.api.schemas.body import Body, Problem
from gateway.api.schemas.case import CaseDetail, EventLine, LesionLine, QualityLine, SeriesLine, StoredLine
from gateway.api.schemas.corrections import CorrectionDone, CorrectionLine, Corrections, PatientCorrection
from gateway.api.schemas.health import ComponentHealth, Health
from gateway.api.schemas.images import ImageHeader, ImageLine, ImageList, VisitLine
from gateway.api.schemas.intake import Quarantine, QuarantineLine, UploadResult
from gateway.api.schemas.outlines import (
    DrawnReview,
    GrownRegion,
    GrowRequest,
    OutlineChange,
    OutlineLine,
    OutlineMask,
    Outlines,
)
from gateway.api.schemas.report import ReportChange, ReportState
from gateway.api.schemas.review import (
    AssessmentChange,
    BlindReading,
    Consensus,
    EyeReading,
    Reopening,
    ReviewState,
    SecondReaderState,
    SecondStage,
    Signature,
    VerdictChange,
    VolumeReading,
)
from gateway.api.schemas.worklist import CaseSummary, Patient, ProgressLine, Worklist

__all__ = [
    "AssessmentChange",
    "AuditLine",
    "AuditPage",
    "AuditVerification",
    "BlindReading",
    "Body",
    "CaseDetail",
    "CaseSummary",
    "ComponentHealth",
    "Consensus",
    "CorrectionDone",
    "CorrectionLine",
    "Corrections",
    "Credentials",
    "DrawnReview",
    "EventLine",
    "EyeReading",
    "GrowRequest",
    "GrownRegion",
    "Health",
    "ImageHeader",
    "ImageLine",
    "ImageList",
    "LesionLine",
    "OutlineChange",
    "OutlineLine",
    "OutlineMask",
    "Outlines",
    "Patient",
    "PatientCorrection",
    "Problem",
    "ProgressLine",
    "QualityLine",
    "Quarantine",
    "QuarantineLine",
    "Reopening",
    "ReportChange",
    "ReportState",
    "ReviewState",
    "SecondReaderState",
    "SecondStage",
    "SeriesLine",
    "SessionInfo",
    "SignInWays",
    "Signature",
    "StoredLine",
    "UploadResult",
    "VerdictChange",
    "VisitLine",
    "VolumeReading",
    "Worklist",
]
