"""A program for uvicorn that answers with the address that it takes its client for."""

from __future__ import annotations

from typing import Any


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer any request; the lifespan is not ours."""
    del receive
    if scope["type"] != "http":
        raise RuntimeError("Only requests are answered here.")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})
