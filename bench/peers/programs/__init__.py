"""What runs inside the peers' own environments: a producer and a worker for each. Nothing of Waypost is here."""
