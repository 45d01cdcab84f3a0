"""The chat pages. Every action takes a plain form, answered 303, and the same form from HTMX, answered by a
fragment."""
