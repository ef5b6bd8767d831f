"""The supervisor: owns the bots and collects their signals."""
