"""Cases, jobs, events and the outbox: what the gateway knows, and the only ways to change it."""
