"""What a study needs of the machines it runs on, asked before it starts."""
