"""Press Stop in kernels of several ipykernels, while cells run: ``python -m benchmarks.kernels``.

Each version is installed into a folder of its own that goes before the installed one. A sweep is under way on a
loopback server; the table tells the milliseconds from the press to the call of `Job.stop`. Fails when one was heard
only after its cell, more than once, or not at all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.headless import CELLS, kernel, pressed_while, ran
from tests.loopback import Loopback

VERSIONS = ("6.31.0", "7.0.1", "7.3.0", "7.4.0")
NEEDED = ("nest-asyncio==1.6.0",)  # by ipykernel 6, and by nothing else here


def main() -> int:
    """Measure and print."""
    print(f"| ipykernel | {' | '.join(CELLS)} |\n|---|{'---|' * len(CELLS)}")
    late = 0
    with tempfile.TemporaryDirectory() as temporary, Loopback(latency_s=0.2) as server:
        for version in VERSIONS:
            folder = Path(temporary) / version
            install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*install, "--target", str(folder), f"ipykernel=={version}", *NEEDED], check=True)
            told = []
            with kernel(folder) as client:
                assert version == ran(client, "import ipykernel", "ipykernel.__version__")
                for number, cell in enumerate(CELLS.values()):
                    events, seconds, _ = pressed_while(client, cell, server.base, folder / f"store{number}")
                    right = events == ["heard", *(["over"] if cell else [])]
                    late += not right
                    told.append(f"{1000 * seconds:.0f} ms" if right else f"**{', '.join(events)}**")
            print(f"| {version} | {' | '.join(told)} |", flush=True)
    return int(late > 0)


if __name__ == "__main__":
    sys.exit(main())
