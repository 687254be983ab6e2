"""What a team would pick instead of Waypost, under the same load and with the same receiver: `make bench-peers`.

Each peer runs with the settings that its own documents recommend (`field.py` says which), in environments of
their own: nothing of them is installed beside Waypost.
"""
