"""The worker: takes an order from the broker, measures, stores the result and says how it went."""
