"""Key pairs of clients: the public half goes into the store, the private one into a file of the folder."""
