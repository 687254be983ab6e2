"""What a route is made of: who calls, a body read, an answer in the vendor's shape, a problem, a list in pages."""
