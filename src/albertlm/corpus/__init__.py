"""From files of documents to sentence-split text."""
