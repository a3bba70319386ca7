"""Pseudonymisation: what leaves the clinical zone carries no identity, and only the gateway finds the way back."""
