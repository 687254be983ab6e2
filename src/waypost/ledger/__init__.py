"""The ledger: what came in and what became of it, from counters that outlive the rows."""
