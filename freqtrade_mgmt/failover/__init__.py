"""Which way each bot goes to its exchange, and what happens when a proxy is out."""
