"""Stands in for ``python -m uvicorn``: serves a health page and a login page.

STUB_FAILS=web makes it end at once; with STUB_FAILS=once it waits for the scheduler's
failure.
"""

from __future__ import annotations

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

FAILED = Path(os.getenv("BTCW_HOME", ".")) / "failed-once"


class Pages(BaseHTTPRequestHandler):
    """Answers every address with 200, and /health/ with JSON."""

    def do_GET(self) -> None:
        """Answer."""
        body = b'{"status": "ok"}' if self.path == "/health/" else b"Log in"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if os.getenv("STUB_FAILS") == "web":
    sys.exit("web was told to fail")
while os.getenv("STUB_FAILS") == "once" and not FAILED.exists():
    time.sleep(0.05)
port = int(sys.argv[sys.argv.index("--port") + 1])
HTTPServer(("127.0.0.1", port), Pages).serve_forever()
