"""Everything that measures: the domain, DICOM reading and writing, stages, pipelines and the worker."""
