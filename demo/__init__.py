"""A hospital around Interval, for trying it out: a scanner that sends studies and a reader who signs."""
