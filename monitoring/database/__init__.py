"""A watch over PostgreSQL and Redis: what is slow, large, blocked or waiting."""
