"""What is kept and for how long: research copies that are no longer needed, legal holds, and patients to forget."""
