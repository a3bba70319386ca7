"""What tumour_volumetry is worth on phantoms whose truth is known: ``python -m validation.tumour_cohort``."""
