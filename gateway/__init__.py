"""The gateway: the only part that knows who a patient is, and the only one that talks to both zones."""
