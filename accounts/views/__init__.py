"""Pages of the app: logging in, one's own profile, and the audit."""
