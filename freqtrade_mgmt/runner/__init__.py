"""The signal runner: one program that hosts many strategies of one exchange.

It runs inside freqtrade's own environment and is never imported by Django. The supervisor
copies these files to a folder and starts ``main.py``. Four kinds of processes share the
memory of one set of libraries:

- the **hub** (``hub.py``) serves the API of every strategy and the control socket, decides
  what is done when, and watches; no library of freqtrade and no strategy is in it;
- the **maker** imports freqtrade and loads the exchange once; all others are its forks;
- the **feeder** fetches each pair and timeframe once;
- **workers** load strategies and analyse, one thing at a time; one that hangs, grows or
  dies is replaced without the strategy that did it.
"""

from __future__ import annotations
