"""The schema, step by step, and what brings a store to the newest of them."""
