"""What became of signals: the price some candles later, and what people did."""
