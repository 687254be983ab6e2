"""The dashboard: pages made on the server, over the same services as the API.

`application.py` serves it: it finds the page, asks who is signed in, and turns what is raised into a page
(`failures.py`); `security.py` sets the headers. `pages/` has a file for each page, their table and the navigation.
Pages are made of what is in the rooms below: `visits` (one request of a browser), `readings` (what is read from
several stores), `html` (templates, forms, charts) and `navigation` (addresses and links).
"""
