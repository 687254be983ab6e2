"""wrk, where it is installed: the same POST over and over, by a client in C."""

import re
import shutil
import subprocess
from pathlib import Path

from bench.processes import BenchFailed

ABSENT = "deliver against wrk: `wrk` is not installed (on Debian: apt-get install wrk)"
_SCRIPT = """
local head, body = io.open("{head}", "rb"), io.open("{body}", "rb")
wrk.method, wrk.body = "POST", body:read("*a")
for line in head:lines() do
  local name, value = line:match("^([^:]+): (.*)$")
  wrk.headers[name] = value
end
"""


def is_there() -> bool:
    """Whether it can be run."""
    return shutil.which("wrk") is not None


def post(url: str, sample: str, *, at_once: int, seconds: int, place: Path) -> float:
    """How often a second it posts that request, over so many connections. Raises BenchFailed."""
    head, _, body = sample.encode("latin-1").partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n")[1:] if line.partition(b":")[0].lower() not in {b"host"}]
    (place / "head").write_bytes(b"\n".join(kept))
    (place / "body").write_bytes(body)
    script = place / "post.lua"
    script.write_text(_SCRIPT.format(head=place / "head", body=place / "body"))
    command = ["wrk", "-t1", f"-c{at_once}", f"-d{seconds}s", "-s", str(script), url]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)  # noqa: S603
    found = re.search(r"Requests/sec:\s+([\d.]+)", ran.stdout)
    if ran.returncode or not found or "Non-2xx" in ran.stdout or "Socket errors" in ran.stdout:
        raise BenchFailed(f"wrk: {(ran.stdout + ran.stderr).strip()[-600:]}")
    return float(found.group(1))
