"""How long phototag takes over a library whose photos it knows already, by library size.

Makes a folder of small files and an index that holds a vector for each of them (the example photos'
vectors with noise), so that no photo has to be embedded; then times the program from outside. The
vectors are made up, so only the times mean anything.

    cargo build --release
    python3 bench/scale/scale.py --photos 370 10000 100000

Needs numpy.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[2]
CATALOG = "phototag.toml"


def library(program, folder, count):
    """A folder of `count` photos that the index in it knows, `labels.json` for 500 of them, and a catalog."""
    folder.mkdir()
    for photo in (ROOT / "examples/photos").iterdir():
        if photo.suffix in (".jpg", ".webp"):
            shutil.copy(photo, folder)
    subprocess.run([program, "init", folder], check=True, capture_output=True)
    subprocess.run([program, "tag", folder], check=True, capture_output=True)
    tags = list(json.loads((folder / "tags.json").read_text()).values())
    index = sqlite3.connect(folder / ".phototag/index.sqlite")
    known = index.execute("SELECT vectors.model, vector, width, height, measures, measures_made FROM vectors JOIN photos USING (hash)").fetchall()
    # A byte that says "half precision" stands before the numbers.
    vectors = [numpy.frombuffer(row[1][1:], numpy.float16).astype(numpy.float32) for row in known]
    random = numpy.random.default_rng(0)
    bytes_of_a_photo = (folder / "guitarist.jpg").read_bytes()[:2000]
    labels = {}
    with index:
        for at in range(count - len(known)):
            name = f"photo-{at:06}.jpg"
            path = folder / name
            path.write_bytes(bytes_of_a_photo)
            stamp = path.stat()
            digest = hashlib.sha256(name.encode()).digest()
            model, _, width, height, measures, made = known[at % len(known)]
            vector = vectors[at % len(known)]
            noisy = vector + random.normal(0, 0.6 / len(vector) ** 0.5, len(vector))
            noisy = (noisy / numpy.linalg.norm(noisy)).astype(numpy.float16)
            index.execute("INSERT INTO files VALUES (?, ?, ?, ?)", (name, stamp.st_size, stamp.st_mtime_ns, digest))
            index.execute("INSERT INTO photos VALUES (?, ?, ?, ?, ?)", (digest, width, height, measures, made))
            index.execute("INSERT INTO vectors VALUES (?, ?, ?)", (model, digest, b"\x02" + noisy.tobytes()))
            if at < 500:
                labels[path.stem] = tags[at % len(tags)]
    index.close()
    (folder / "labels.json").write_text(json.dumps(labels))


def timed(program, *arguments, edit=None):
    """The median of five runs in seconds, and the largest memory held, in MB. `edit` is done before each."""
    times = []
    for _ in range(5):
        if edit:
            edit()
        start = time.perf_counter()
        process = subprocess.Popen([program, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        times.append(time.perf_counter() - start)
        if status:
            raise SystemExit(f"{arguments}: {said}")
    return statistics.median(times), usage.ru_maxrss / 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--program", default=ROOT / "target/release/phototag")
    arguments.add_argument("--photos", type=int, nargs="+", default=[370, 10_000, 100_000])
    given = arguments.parse_args()
    cpu = next((line.split(": ")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"{cpu}, {os.cpu_count()} threads\n")
    print("| " + " | ".join(["", *(f"{count:,} photos" for count in given.photos)]) + " |")
    print("|---|" + "---|" * len(given.photos))
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        for count in given.photos:
            folder = Path(scratch) / str(count)
            library(given.program, folder, count)
            catalog = folder / CATALOG
            text = catalog.read_text()
            edits = iter(range(1000))

            def edit_a_prompt():
                catalog.write_text(text.replace("prompts = [", f'prompts = ["a picture of {next(edits)} animals", ', 1))

            timed(given.program, "tag", folder)
            cases = {
                "`tag`, nothing changed": dict(arguments=("tag", folder)),
                "`tag`, a prompt edited": dict(arguments=("tag", folder), edit=edit_a_prompt),
                "`search`, one text": dict(arguments=("search", folder, "a lensball on a rock")),
                "`tune --dry-run`, 500 labels": dict(arguments=("tune", folder, "--dry-run")),
                "`eval`, 500 labels": dict(arguments=("eval", folder)),
                "`learn`, 500 labels": dict(arguments=("learn", folder)),
                "`tag` after it": dict(arguments=("tag", folder)),
                "`explain`, one photo": dict(arguments=("explain", folder / "guitarist.jpg")),
            }
            for name, case in cases.items():
                seconds, memory = timed(given.program, *case["arguments"], edit=case.get("edit"))
                rows.setdefault(name, []).append(f"{seconds * 1000:,.0f} ms, {memory:.0f} MB")
    for name, figures in rows.items():
        print(f"| {name} | " + " | ".join(figures) + " |")


if __name__ == "__main__":
    main()
