"""What has arrived in the clinical archive, and whether a study is complete."""
