"""This is where a page's sections are: one file each, in words that the report can bear out."""
