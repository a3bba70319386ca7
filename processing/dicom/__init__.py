"""DICOM in and out: archives, geometry, images, and the objects that carry a result."""
