"""phototag-clip against open_clip: the same random full-size models, photos and texts on both sides.

    cargo build --release && cargo build --release -p phototag-clip --example vectors
    python -m venv venv && venv/bin/pip install -r crates/clip/tests/fixtures/requirements.txt
    venv/bin/python bench/parity/parity.py PHOTOS [--models ViT-B-32 ...] [--photos 64]

Weights are random because parity does not need trained ones; they are drawn so that every part of
a tower shows in the result. First both sides get the pixels that Pillow decodes; speed is the towers'
alone then, f32 on all cores, both sides in the same run. Then each gets the files themselves: phototag by
`phototag embed`, Python by Pillow, upright. phototag converts pictures in other colour spaces to sRGB, as a
browser does; open_clip's usual script does not, so such pictures are compared both with that script and with
one that converts. Prints a Markdown table.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image, ImageChops, ImageCms, ImageOps

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "crates/clip/tests/fixtures"))
import make  # noqa: E402


def build(name, folder):
    """The architecture `name` with random weights, written as a folder; with its tokenizer."""
    config = open_clip.get_model_config(name)
    text = config["text_cfg"]
    if "siglip" in name.lower():
        tokenizer, _ = make.siglip_tokenizer(folder, 500, "2" in name.split("SigLIP")[1][:1])
        tokenizer.context_length = text["context_length"]
        pre = dict(mean=[0.5] * 3, std=[0.5] * 3, resize_mode="squash")
    else:
        tokenizer = make.clip_tokenizer(folder, 49152 - 256 - 2)
        pre = {}
    custom = config.get("custom_text") or "timm_model_name" in config["vision_cfg"]
    kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    model = make.random_weights(kind(**{k: v for k, v in config.items() if k != "custom_text"}), 1)
    size = config["vision_cfg"]["image_size"]
    make.write_open_clip(folder, model, config, dict(pre, size=size))
    transform = image_transform_v2(PreprocessCfg(size=size, **pre), False)
    return model, transform, lambda t: tokenizer(t, context_length=text["context_length"])


def theirs(model, transform, tokenize, pictures, texts):
    unit = lambda v: torch.nn.functional.normalize(v.double(), dim=-1)
    with torch.inference_mode():
        inputs = torch.stack([transform(p) for p in pictures])
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            images = torch.cat([model.encode_image(batch) for batch in inputs.split(16)])
            best = min(best, time.perf_counter() - start)
        return unit(images), unit(model.encode_text(tokenize(texts))), len(pictures) / best


def ours(binary, folder, texts, files):
    result = subprocess.run([binary, folder, "f32", texts, *files], capture_output=True, text=True, check=True)
    vectors = torch.tensor([json.loads(line) for line in result.stdout.splitlines()]).double()
    said = dict(line.split() for line in result.stderr.splitlines())
    return vectors[: len(files)], vectors[len(files):], float(said["images_per_second"])


def in_srgb(picture):
    """A picture converted to sRGB by littleCMS; None if it is in sRGB already or says nothing."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode != "RGB":
        return None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(
        picture, profile, srgb, ImageCms.Intent.RELATIVE_COLORIMETRIC, flags=ImageCms.Flags.BLACKPOINTCOMPENSATION)
    off = ImageChops.difference(picture, converted).getextrema()
    return converted if max(high for _, high in off) > 4 else None


def whole_way(program, folder, model, transform, paths):
    """1 - cosine of each photo, from file to vector; and for those in other colour spaces, by their places,
    that to a script which converts them."""
    command = [program, "embed", "--precision", "f32", "--model", folder, *map(str, paths)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    own = torch.tensor([json.loads(line)["vector"] for line in result.stdout.splitlines()]).double()

    def embed(pictures):
        with torch.inference_mode():
            vectors = torch.cat([model.encode_image(transform(p)[None]) for p in pictures])
        return torch.nn.functional.normalize(vectors.double(), dim=-1)

    def upright(path):
        return ImageOps.exif_transpose(Image.open(path))

    ignored = ((own - embed(upright(p).convert("RGB") for p in paths)) ** 2).sum(-1) / 2
    converted = {at: found for at, p in enumerate(paths) if (found := in_srgb(upright(p)))}
    places = list(converted)
    off = ((own[places] - embed(converted.values())) ** 2).sum(-1) / 2
    return ignored, dict(zip(places, off.tolist()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos_folder", type=Path)
    parser.add_argument("--models", nargs="+", default=["ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-B-16-SigLIP2"])
    parser.add_argument("--photos", type=int, default=64)
    parser.add_argument("--binary", default=str(ROOT / "target/release/examples/vectors"))
    parser.add_argument("--program", default=str(ROOT / "target/release/phototag"))
    args = parser.parse_args()
    torch.set_num_threads(os.cpu_count())

    paths = sorted(p for p in args.photos_folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    every = paths
    paths = paths[:: max(1, len(paths) // args.photos)][: args.photos]
    pictures = [ImageOps.exif_transpose(Image.open(p)).convert("RGB") for p in paths]
    texts = [t for t in json.loads((make.HERE / "strings.json").read_text())["typed"][:50]]
    texts += ["a wide landscape photograph of hills and countryside", "a black and white photograph"]
    print(f"{len(paths)} photos ({len(every)} from file), {len(texts)} texts, torch {torch.__version__}, {os.cpu_count()} threads\n")
    print("| model | worst picture | its 1 - cosine | worst text, 1 - cosine "
          "| worst file in sRGB | its 1 - cosine | mean | worst in another space | converted | unconverted "
          "| pictures/s | torch | ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        files = []
        for i, picture in enumerate(pictures):
            files.append(str(scratch / f"{i}.bmp"))
            picture.save(files[-1])
        (scratch / "texts.json").write_text(json.dumps(texts))
        for name in args.models:
            folder = scratch / name
            folder.mkdir()
            model, transform, tokenize = build(name, folder)
            images, vectors, speed = theirs(model, transform, tokenize, pictures, texts)
            own_images, own_vectors, own_speed = ours(
                args.binary, str(folder), str(scratch / "texts.json"), files)
            off = ((own_images - images) ** 2).sum(-1) / 2
            text_off = ((own_vectors - vectors) ** 2).sum(-1) / 2
            from_file, others = whole_way(args.program, str(folder), model, transform, every)
            plain = [at for at in range(len(every)) if at not in others]
            worst, worst_file = int(off.argmax()), max(plain, key=lambda at: from_file[at])
            worst_other = max(others, key=others.get, default=None)
            other = ("none", "", "") if worst_other is None else (
                every[worst_other].name, f"{others[worst_other]:.1e}", f"{from_file[worst_other]:.1e}")
            print(f"| {name} | {paths[worst].name} | {off.max():.1e} | {text_off.max():.1e} | "
                  f"{every[worst_file].name} | {from_file[worst_file]:.1e} | {from_file[plain].mean():.1e} | "
                  f"{' | '.join(other)} | "
                  f"{own_speed:.2f} | {speed:.2f} | {own_speed / speed:.2f} |", flush=True)


if __name__ == "__main__":
    main()
