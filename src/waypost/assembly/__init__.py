"""A node put together from the settings, in plain calls, from the ground up.

Each file adds what it builds to what the one before it has: `ground`, `people`, `delivery`, `configuration`, and
`faces`, whose `Waypost` has every part as an attribute. A part may use those that are there before it, no others.
"""
