"""Pictures of the dashboard's pages, from a real server with made-up data: `make screenshots`."""
