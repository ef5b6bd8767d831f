"""Everything that touches freqtrade: installer, bots, supervisor, collector."""
