"""Where pages are: their addresses, the environment that one is in, and the lines that lead to others."""
