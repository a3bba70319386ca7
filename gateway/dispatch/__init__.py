"""Sending finished objects to a target and making sure that they arrived: one file for each kind of target."""
