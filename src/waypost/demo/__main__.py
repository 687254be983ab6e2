"""`python -m waypost.demo [--exit]`: tells the story, then keeps the server for a look around."""

import argparse
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from rich.console import Console

from waypost.demo import table
from waypost.demo.progress import Steps
from waypost.demo.server import DemoFailed
from waypost.demo.story import Story


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when every promise was kept, 1 when one was broken or the demo could not run."""
    parser = argparse.ArgumentParser(prog="waypost.demo", description="Waypost's main job, end to end.")
    parser.add_argument("--exit", action="store_true", help="stop after the table")
    stop = parser.parse_args(arguments).exit
    signal.signal(signal.SIGTERM, _interrupt)
    console = Console(highlight=False)
    try:
        with tempfile.TemporaryDirectory(prefix="waypost-demo-") as folder:
            return _run(console, Path(folder), stop_after_table=stop)
    except DemoFailed as error:
        console.print(f"The demo could not go on: {error}", markup=False, style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped.")
        return 130


def _run(console: Console, folder: Path, *, stop_after_table: bool) -> int:
    console.print("Waypost demo: one feed, one broken credential, one PATCH", style="bold")
    with Story(folder, Steps(console)) as story:
        try:
            story.tell()
            table.show(console, story)
            if not stop_after_table:
                _look_around(console, story)
            return 0 if story.verdict.holds else 1
        finally:
            _deaf()


def _look_around(console: Console, story: Story) -> None:
    """Keep everything running until Ctrl-C, and say how to reach it."""
    bin_ = Path(sys.executable).with_name("waypost")
    token = [str(bin_), "token", "--data", str(story.data), "--url", story.server.url]
    lines = (
        "",
        f"The server keeps running. The dashboard: {story.server.url}/dashboard",
        f"The way in, once: set a password at {story.invitation()}",
        f"and sign in with it as {story.email}. The API as a page: {story.server.url}/docs",
        "",
        "Change the destination yourself (the token lives 5 minutes):",
        "",
        patch_line(story.server.url, story.destination_id, story.token()),
        "",
        f"A new token: {shlex.join(token)}",
        "Ctrl-C stops everything and removes the demo's data.",
    )
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)
    sys.stdout.flush()
    try:
        while story.server.is_running:
            time.sleep(0.2)
    except KeyboardInterrupt:
        console.print("\nStopped.")
        return
    raise DemoFailed("The server ended by itself.")


def patch_line(url: str, destination_id: str, token: str) -> str:
    """The documented request, ready to paste."""
    return (
        f"curl '{url}/platform/v1/destinations/{destination_id}' --request PATCH"
        f" --header 'Authorization: Bearer {token}' --header 'accept: application/json'"
        """ --header 'Content-Type: application/json' --data '{"name": "Care coordination, renamed"}'"""
    )


def _deaf() -> None:
    """A second Ctrl-C must not cut the stopping short: the server would stay behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
