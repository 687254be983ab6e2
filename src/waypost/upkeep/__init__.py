"""What keeps a store sound: retention, backup and restore, the check, a new sealing key."""
