"""A node put together from the settings, in plain calls, from the ground up.

A file has the parts that it builds, and the function that builds them from earlier ones: `ground`; `people` and
`engine`, which know nothing of each other; `configuration`; `faces`; and `node`, which is all of them. What a part
leans on are the arguments of its function.
"""
