"""Frames that many WebSockets share can be read by each of them."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from btc_watcher.lib.shared_frames import SharedFrames, deflate_extension

TEXTS = [
    f'{{"number":{number},"text":"жёлтый 黄色 {"x" * number}"}}'
    for number in range(300)
]


def read(*parts: bytes, extensions: list[PerMessageDeflate]) -> list[str]:
    """Return the texts that a client reads."""
    client = Protocol(Side.CLIENT, max_size=None)
    client.extensions = list(extensions)
    for part in parts:
        client.receive_data(part)
    assert client.parser_exc is None
    frames = client.events_received()
    assert all(
        isinstance(frame, Frame) and frame.opcode is Opcode.TEXT for frame in frames
    )
    return [bytes(frame.data).decode() for frame in frames if isinstance(frame, Frame)]


def browser() -> PerMessageDeflate:
    """Return what reads compressed frames: the mirror of the server's."""
    return PerMessageDeflate(
        remote_no_context_takeover=False,
        local_no_context_takeover=False,
        remote_max_window_bits=12,
        local_max_window_bits=15,
    )


def test_plain_frames_are_read_as_they_were_written() -> None:
    assert read(SharedFrames(TEXTS).plain, extensions=[]) == TEXTS


def test_compressed_frames_are_read_whatever_was_read_before_them() -> None:
    first, second = SharedFrames(TEXTS[:100]), SharedFrames(TEXTS[100:])
    own = Frame(Opcode.TEXT, b"of this connection alone").serialize(
        mask=False, extensions=[deflate_extension()]
    )

    everything = read(first.deflated, own, second.deflated, extensions=[browser()])
    late = read(second.deflated, extensions=[browser()])

    assert everything == [*TEXTS[:100], "of this connection alone", *TEXTS[100:]]
    assert late == TEXTS[100:]


def test_texts_that_are_alike_are_compressed_together() -> None:
    shared = SharedFrames(TEXTS)
    single = sum(len(SharedFrames([text]).deflated) for text in TEXTS)
    assert len(shared.deflated) < single / 2
    assert shared.deflated is shared.deflated


@pytest.mark.parametrize("soft", [64, 1_024])
def test_a_process_lets_itself_open_as_many_files_as_it_may(soft: int) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource; from btc_watcher.lib.open_files import open_files_allow;"
            f" resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
            " said = open_files_allow();"
            " assert said == resource.getrlimit(resource.RLIMIT_NOFILE)[0];"
            " print(said)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(found.stdout) == min(hard, 65_536)
