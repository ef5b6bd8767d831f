"""The sub-commands of ``manage.py freqtrade``: each module here is one.

A module has HELP, ``arguments(parser)`` and ``run(options, output)``; what goes wrong is
raised as BtcWatcherError or CommandError.
"""
