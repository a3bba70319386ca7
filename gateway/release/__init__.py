"""Which version of a pipeline may be used, what an operator permits beyond that, and how versions do in use."""
