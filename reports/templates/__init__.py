"""Typst templates of the report; all words and numbers reach them as JSON."""
