"""Segmenting a brain tumour from four contrasts."""
