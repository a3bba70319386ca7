"""Who may use the gateway: local accounts, their sessions in the browser, and their passwords."""
