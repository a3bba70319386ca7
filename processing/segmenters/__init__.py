"""Segmenters that an installation adds to the built-in ones: networks, containers and inference servers."""
