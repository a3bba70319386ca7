"""What a reader sees and decides, and the objects that may leave after it."""
