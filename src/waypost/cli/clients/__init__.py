"""Who has keys: `waypost users`, `waypost apikeys`."""
