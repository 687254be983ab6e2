"""One request of a browser: who is there, whether a page of ours sent it, what it may ask, how it is answered."""
