"""A simulated exchange on loopback, for the demonstration and the tests."""

from __future__ import annotations

from freqtrade_mgmt.simulator.pairs import DEFAULT_PAIRS
from freqtrade_mgmt.simulator.server import Fault, SimulatedExchange, SimulatorError

__all__ = ["DEFAULT_PAIRS", "Fault", "SimulatedExchange", "SimulatorError"]
