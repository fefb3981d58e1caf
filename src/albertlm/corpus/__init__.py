"""From dumps, books and files to a corpus: clean, deduplicated documents, a sentence a line."""
