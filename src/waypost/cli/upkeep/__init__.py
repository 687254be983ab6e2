"""Looking after a store in use: `waypost backup`, `restore`, `check`, `keys` and `quotas`."""
