"""Rendering speed against other static gallery generators, alternating in one run.

    python speed.py PHOTOS PHOTOTAG [THUMBSUP]

PHOTOS is a folder (photos.py makes one), PHOTOTAG the program, THUMBSUP its script if it is installed.
sigal comes from requirements.txt. Each writes its defaults: sigal one picture of 640 pixels and one thumbnail
a photo (a second time with pictures of 1920 pixels, phototag's largest), thumbsup three, phototag three widths in two formats. Prints the median of three runs.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

photos, phototag = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
count = len(list(photos.glob("*.jpg")))
sigal = str(Path(sys.executable).with_name("sigal"))
commands = {
    "phototag": lambda out: [phototag, "--quiet", "gallery", photos, "--out", out / "site"],
    "sigal": lambda out: [sigal, "build", "-q", "-c", out / "sigal.conf.py", photos, out / "site"],
    "sigal, 1920": lambda out: [sigal, "build", "-q", "-c", out / "large.conf.py", photos, out / "site"],
}
if len(sys.argv) > 3:
    commands["thumbsup"] = lambda out: [sys.argv[3], "--input", photos, "--output", out / "site", "--log", "info", "--usage-stats", "false"]

took = {name: [] for name in commands}
for _ in range(3):
    for name, command in commands.items():
        out = Path(tempfile.mkdtemp())
        (out / "sigal.conf.py").write_text("theme = 'galleria'\n")
        (out / "large.conf.py").write_text("theme = 'galleria'\nimg_size = (1920, 1920)\n")
        started = time.monotonic()
        result = subprocess.run(command(out), cwd=out, capture_output=True, text=True)
        seconds = time.monotonic() - started
        pictures = [p for p in (out / "site").rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".webp") and p.is_file()]
        if result.returncode != 0 or len(pictures) < count:
            print(f"{name}: {len(pictures)} pictures, exit {result.returncode}: {(result.stderr + result.stdout)[-500:]}")
        took[name].append((seconds, len(pictures)))
        shutil.rmtree(out)
for name, runs in took.items():
    seconds = statistics.median(seconds for seconds, _ in runs)
    print(f"{name:12} {count / seconds:6.2f} photos/s   {runs[0][1] / count:.0f} pictures a photo   {seconds:.1f} s")
