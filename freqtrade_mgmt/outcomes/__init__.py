"""Fills the ledger of outcomes with the candles that bots have."""
