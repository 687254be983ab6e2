"""What pages tell and no one room knows: read from the stores of several, at once."""
