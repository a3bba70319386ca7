"""One folder per pipeline: ``spec.py`` says what it is, ``pipeline.py`` runs its stages in order."""
