"""The crash campaign: nodes are killed under load, again and again, and what was promised is counted.

`make crash` runs it; nothing of the product imports this. Its parts are those of the tests.
"""
