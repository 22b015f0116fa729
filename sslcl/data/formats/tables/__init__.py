"""Layouts of tables: CSV and TSV files, with clips or pickled features beside them."""
