"""Routes as data: which studies go to which pipeline, what they need, and what they are compared with."""
