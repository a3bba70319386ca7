"""Proof that Interval measures what it says: phantoms, real pairs, metrics and the release gate."""
