"""Change of white-matter lesions between two FLAIR scans of a patient with multiple sclerosis."""
