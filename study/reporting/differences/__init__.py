"""Two studies, cells or trials side by side."""
