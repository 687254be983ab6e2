"""A new data folder, and a further organization in it: `waypost init`, `waypost organizations`."""
