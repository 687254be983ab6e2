"""Sample data sets: messages of our own making, sent to a destination through the whole of intake."""
