"""What is known of the corpora as published: where they are, and their sizes."""
