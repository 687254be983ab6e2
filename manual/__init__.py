"""The parts of the documents that are made: the API's pages, the drawings, and the site of all of it."""
