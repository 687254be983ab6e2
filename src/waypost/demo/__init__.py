"""What `make demo` runs: Waypost's main job, end to end, with everything it needs on this machine."""
