"""Figures for Prometheus, and traces of a study's way, out of the database and the running steps."""
