"""The dashboard: pages made on the server, over the same services as the API.

`pages/__init__.py` is the table of all pages and of the navigation; each page is a file there and a template.
What every page shares stands here: `visit.py` is all that a page is given, `view.py` renders, `forms.py` turns a
posted form into the JSON body that a service takes, `live.py` streams numbers, `guard.py` says who is signed in,
`security.py` sets headers, `application.py` puts it together, and nothing else knows of HTTP's errors.
"""
