"""What all commands of ``manage.py`` have in common: help, errors, endings, bars."""
