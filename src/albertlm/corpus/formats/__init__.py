"""The readers of input formats: one module for each, with the functions `spans` and `read`.

books: read plain text, and provide what all formats with one document per file share.
dump: read MediaWiki XML dumps, such as `enwiki-latest-pages-articles.xml.bz2`.
encodings: decode texts and pages by their byte order mark, as UTF-8, or as their head declares.
epub: read EPUB books, which are ZIP archives of XHTML pages.
gutenberg: remove the licence from Project Gutenberg's books.
html: read the prose of HTML and XHTML pages.
html_limits: refuse HTML pages on which a parser would work for minutes.
jsonl: read JSON lines with the key `text`, including the output of WikiExtractor's `--json`.
parquet: read parquet files with a column `text`.
rows: provide what formats with many documents per file share: lines and named fields.
transcription: remove what volunteers add to books: credits, notes and marks.
wikiextractor: read the `<doc>` files that WikiExtractor writes.
wrapped: join the lines of hard-wrapped text to paragraphs.
"""
