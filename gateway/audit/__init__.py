"""Who saw whom and decided what: an append-only, hash-chained trail, and its export as DICOM audit messages."""
