"""Pages that need freqtrade: the editor, charts, logs."""
