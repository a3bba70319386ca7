"""What an administrator does from a terminal: backup, restore, upgrade, doctor, retention and erasure."""
