"""Volumes of a brain tumour from an ensemble of segmenters, with alarms where they disagree."""
