"""Sessions: how people sign in to the dashboard, and what they prove themselves with."""
