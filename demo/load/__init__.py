"""A department's day, compressed: what Interval takes in, beside an Orthanc that does nothing else."""
