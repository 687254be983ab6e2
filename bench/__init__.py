"""The benchmarks: what Waypost does on this machine, each figure against the plainest thing that does the same.

`make bench` runs them; nothing of the product imports this.
"""
