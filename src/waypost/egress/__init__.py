"""Every outbound call: the policy that says where it may go, and the client that holds to it.

`policy` judges URLs and dialled addresses, `client` sends. Nothing else in Waypost calls the outside.
"""
