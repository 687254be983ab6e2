"""HTML, both ways: templates and what fills them, and the forms that come back."""
