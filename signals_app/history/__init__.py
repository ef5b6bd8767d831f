"""The history of signals: what is asked for, saved filters, files of what is found."""
