"""Pure functions on images, one step of a pipeline each.

A stage takes and returns domain values. It reads no file, logs nothing, keeps no state and changes none of its
inputs; the same input gives the same output, bit for bit, on any run. The one exception is `atlas`, which reads the
template that ships with nilearn once per process.
"""
