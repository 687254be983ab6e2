"""Messages in: `/endpoint`, routing over subscriptions, and the one transaction that makes them durable."""
