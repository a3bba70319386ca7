"""Telling somebody when something is wrong, before a reader notices: by webhook and by e-mail."""
