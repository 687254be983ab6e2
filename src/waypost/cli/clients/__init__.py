"""Who has keys: `waypost users`, `waypost apikeys`, and the key files that both leave in the folder."""
