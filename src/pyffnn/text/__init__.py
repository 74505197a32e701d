"""Text in: words, vocabularies, rows of tables, streams of ids, files of labels and of vectors."""
