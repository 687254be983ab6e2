"""What commands do to the store, and by whom: the server that runs on the folder, or the command alone."""
