"""How fast phototag is against the other ways to embed photos on this CPU, alternating in one run.

    bench/run [--models ViT-B-32 ViT-L-14] [--rounds 5] [--parts towers library small start] [--small 10000]

All sides get the same random full-size weights and the same photos, made from examples/photos. Speeds are
medians over the rounds; a ratio is taken within each round and given with its least and most. Cosines are to
PyTorch's f32 vectors. The ways of Python are in contender.py, those of other Rust crates in bench/peers. Prints
Markdown.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench/parity")]
import parity  # noqa: E402

PROGRAM = ROOT / "target/release/phototag"
VECTORS = ROOT / "target/release/examples/vectors"
PEERS = ROOT / "target/peers/release/phototag-peers-bench"
CONTENDER = Path(__file__).with_name("contender.py")
THREADS = os.cpu_count()
BATCH = 16


def machine():
    """The processor, and which of the features that matter here it has."""
    features = "avx2 fma avx_vnni avx512f avx512_vnni avx512_bf16 amx_int8 amx_bf16 asimd asimddp i8mm bf16".split()
    text = Path("/proc/cpuinfo").read_text()
    said = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in text.splitlines() if ":" in line}
    has = said.get("flags", said.get("Features", "")).split()
    said_by_us = subprocess.run([PROGRAM, "model", "list"], capture_output=True, text=True).stdout
    kernels = next((line.strip() for line in said_by_us.splitlines() if line.startswith("KERNELS")), "")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    return (f"{said.get('model name', 'unknown processor')}, {THREADS} threads: {' '.join(f for f in features if f in has)}\n"
            f"{kernels}\ntorch {torch.__version__}, {time.strftime('%Y-%m-%d')}, commit {commit}")


def make_model(name, folder):
    """The folder of a random model, as open_clip publishes them, and its picture tower as ONNX, f32 and int8."""
    if not folder.exists():
        folder.mkdir(parents=True)
        model, _, _ = parity.build(name, folder)
        export(model.visual.eval(), folder)
    return folder


def export(visual, folder):
    import onnxruntime.quantization

    # The fused path of torch's attention has no counterpart in ONNX.
    torch.backends.mha.set_fastpath_enabled(False)
    torch.onnx.export(visual, torch.zeros(1, 3, 224, 224), str(folder / "visual.onnx"), input_names=["pixels"],
                      output_names=["vectors"], dynamic_axes={"pixels": {0: "n"}, "vectors": {0: "n"}}, dynamo=False)
    onnxruntime.quantization.quantize_dynamic(folder / "visual.onnx", folder / "visual-int8.onnx")
    torch.backends.mha.set_fastpath_enabled(True)


def make_photos(folder, count, width):
    if not folder.exists():
        subprocess.run([sys.executable, ROOT / "bench/photos.py", folder, str(count), str(width)], check=True)
        (folder / "tags.json").unlink()
    return sorted(folder.glob("*.jpg"))


def spread(ratios):
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def cosines(vectors, exact):
    unit = lambda v: v / numpy.linalg.norm(v, axis=1, keepdims=True)
    return (unit(vectors) * unit(exact)).sum(axis=1)


def table(rounds, first):
    """Rows of speed, and of its ratio to the speed of `first` in the same round."""
    for name in rounds[0]:
        speeds = [each[name] for each in rounds]
        yield name, statistics.median(speeds), spread([each[name] / each[first] for each in rounds])


def towers(folder, photos, rounds):
    """Pictures a second through the picture tower, decoding and resizing left out."""
    import onnxruntime
    import open_clip
    from PIL import Image

    torch.set_num_threads(THREADS)
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    visual = model.visual.eval()
    half = open_clip.create_model_from_pretrained(f"local-dir:{folder}")[0].visual.eval().to(torch.bfloat16)
    # Lossless, so that no two decoders have to agree.
    pictures = [photo.with_suffix(".png") for photo in photos]
    for photo, picture in zip(photos, pictures):
        Image.open(photo).convert("RGB").save(picture)
    pixels = torch.stack([transform(Image.open(p)) for p in pictures])
    numbers = photos[0].parent / "pixels.f32"
    pixels.numpy().tofile(numbers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    sessions = {name: onnxruntime.InferenceSession(folder / file, options)
                for name, file in [("ONNX Runtime f32", "visual.onnx"), ("ONNX Runtime int8", "visual-int8.onnx")]}

    def timed(encode):
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            with torch.inference_mode():
                vectors = numpy.concatenate([encode(batch) for batch in pixels.split(BATCH)])
            best = min(best, time.perf_counter() - start)
        return len(photos) / best, vectors

    def ours(precision):
        return program([VECTORS, folder, precision, "/dev/stdin", *pictures])

    def peer(way):
        return program([PEERS, way, folder, numbers])

    def program(command):
        run = subprocess.run(command, input="[]", capture_output=True, text=True, check=True)
        said = dict(line.split() for line in run.stderr.splitlines())
        return float(said["images_per_second"]), numpy.array([json.loads(line) for line in run.stdout.splitlines()])

    ways = {
        "PyTorch f32": lambda: timed(lambda batch: visual(batch).numpy()),
        "PyTorch bf16": lambda: timed(lambda batch: half(batch.to(torch.bfloat16)).float().numpy()),
        **{name: lambda session=session: timed(lambda batch: session.run(None, {"pixels": batch.numpy()})[0])
           for name, session in sessions.items()},
        **{name: lambda way=way: peer(way)
           for name, way in [("candle f32", "candle"), ("rten f32", "rten"), ("rten int8", "rten-int8")]},
        **{f"phototag {precision}": lambda precision=precision: ours(precision) for precision in ("f32", "bf16", "int8")},
    }
    found, vectors = [], {}
    for _ in range(rounds):
        speeds = {}
        for name, way in ways.items():
            speeds[name], vectors[name] = way()
        found.append(speeds)
    print(f"\n### Picture tower, {folder.name}, {len(photos)} photos\n")
    print("| | img/s | to PyTorch f32 | to PyTorch bf16 | to ONNX Runtime int8 | mean cosine | worst |\n|---|---|---|---|---|---|---|")
    others = [{name: ratio for name, _, ratio in table(found, first)} for first in ("PyTorch bf16", "ONNX Runtime int8")]
    for name, speed, ratio in table(found, "PyTorch f32"):
        near = cosines(vectors[name], vectors["PyTorch f32"])
        print(f"| {name} | {speed:.1f} | {ratio} | {others[0][name]} | {others[1][name]} | {near.mean():.5f} | {near.min():.5f} |", flush=True)


def run_whole(command):
    """Seconds, the largest memory of the process in MB, and what it printed."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    peak = Peak(process.pid)
    peak.start()
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"failed: {command[:6]}")
    return seconds, peak.megabytes or usage.ru_maxrss / 1024, out


class Peak(threading.Thread):
    """Asks every few milliseconds what a process has needed at most: what wait4 says counts the memory of this
    process too, out of which it was made."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.status = Path(f"/proc/{process}/status")
        self.megabytes = 0

    def run(self):
        try:
            while said := re.search(r"VmHWM:\s*(\d+) kB", self.status.read_text()):
                self.megabytes = int(said[1]) / 1024
                time.sleep(0.005)
        except OSError:
            pass


def fresh(*options):
    """A run of phototag that knows nothing yet."""
    def command(folder, photos):
        shutil.rmtree(photos[0].parent / ".phototag", ignore_errors=True)
        return [PROGRAM, "tag", "--quiet", "--model", folder, *options, photos[0].parent]
    return command


def python(way):
    return lambda folder, photos: [sys.executable, CONTENDER, way, folder, THREADS, *photos]


def library(folder, title, photos, rounds, slow=True):
    """From files to vectors, whole processes with their start."""
    ways = {
        **({"the script: open_clip f32, one at a time": python("script")} if slow else {}),
        "open_clip bf16, batches and loader": python("batched"),
        "ONNX Runtime int8, batches and loader": python("onnx"),
        "phototag": fresh(),
        "phototag --precision int8": fresh("--precision", "int8"),
    }
    found, memory = [], {}
    for _ in range(rounds):
        speeds = {}
        for name, command in ways.items():
            seconds, memory[name], _ = run_whole(command(folder, photos))
            speeds[name] = len(photos) / seconds
        found.append(speeds)
    first = next(iter(ways))
    print(f"\n### {title}, {folder.name}\n\n| | photos/s | to the first | memory, MB |\n|---|---|---|---|")
    for name, speed, ratio in table(found, first):
        print(f"| {name} | {speed:.1f} | {ratio} | {memory[name]:.0f} |", flush=True)


def start(folder, photos, rounds):
    """What a second run costs, and a start."""
    here = photos[0].parent
    catalog = here / "phototag.toml"
    catalog.unlink(missing_ok=True)
    subprocess.run([PROGRAM, "init", "--quiet", here], check=True, capture_output=True)
    text = catalog.read_text()
    tag = [PROGRAM, "tag", "--quiet", "--model", folder, here]
    run_whole(tag)
    rows = {"nothing changed": [], "a prompt edited": [], "one new photo": []}
    for at in range(rounds):
        rows["nothing changed"].append(run_whole(tag)[0])
        catalog.write_text(text.replace("prompts = [", f'prompts = ["picture {at} of an animal", ', 1))
        rows["a prompt edited"].append(run_whole(tag)[0])
        new = here / f"new-{at}.jpg"
        new.write_bytes(photos[at].read_bytes() + bytes([at]))
        rows["one new photo"].append(run_whole(tag)[0])
        new.unlink()
    catalog.unlink()
    print(f"\n### `tag` again over {len(photos)} photos, {folder.name}\n\n| | ms (least to most) |\n|---|---|")
    for name, seconds in rows.items():
        print(f"| {name} | {statistics.median(seconds) * 1000:.0f} ({min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f}) |", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--models", nargs="+", default=["ViT-B-32", "ViT-L-14"])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--parts", nargs="+", default=["towers", "library", "small", "start"])
    arguments.add_argument("--small", type=int, default=10_000, help="photos of the part small, which has one round")
    arguments.add_argument("--pictures", type=int, default=64, help="pictures through a tower; fewer for large models")
    arguments.add_argument("--work", type=Path, default=ROOT / "bench/.work", help="where models and photos are made")
    given = arguments.parse_args()
    print(machine())
    given.work.mkdir(exist_ok=True, parents=True)
    for name in given.models:
        folder = make_model(name, given.work / name)
        if "towers" in given.parts:
            towers(folder, make_photos(given.work / "400px", 64, 400)[: given.pictures], given.rounds)
    folder = given.work / given.models[0]
    photos = make_photos(given.work / "2-megapixels", 370, 1760)
    if "library" in given.parts:
        library(folder, "370 photos of 2 megapixels", photos, given.rounds)
        library(folder, "60 photos of 24 megapixels", make_photos(given.work / "24-megapixels", 60, 6000), given.rounds)
    if "small" in given.parts:
        small = make_photos(given.work / "small", given.small, 320)
        library(folder, f"{given.small:,} photos of 320 pixels", small, 1, slow=False)
    if "start" in given.parts:
        start(folder, photos, given.rounds)


if __name__ == "__main__":
    main()
