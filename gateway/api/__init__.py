"""The HTTP interface: one router per resource, no SQL in a router."""
