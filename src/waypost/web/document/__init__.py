"""The OpenAPI document, with a page of it, and what Redox documents that is not built."""
