"""What goes wrong is written down: grouped, counted, and without secrets."""
