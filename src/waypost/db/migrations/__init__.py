"""The schema, step by step, and what brings a store to the newest of them.

Numbers that are missing were set aside for steps that were not needed.
"""
