"""From comparisons to tables, figures, pages and sentences."""
