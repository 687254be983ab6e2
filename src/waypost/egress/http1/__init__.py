"""HTTP/1.1 as a client speaks it, one request at a time on a connection: what `egress/client.py` stands on.

It knows bytes, sockets and time. Where a call may go is not decided here, but by whoever dials (`dialling.py`).
Why it is ours and not a library's: `docs/decisions/0019`.
"""
