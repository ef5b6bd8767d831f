"""What the pages, the admin and the API show of releases and operations."""
