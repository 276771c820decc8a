"""Makes photos for the benchmarks: COUNT pictures of WIDTH pixels from examples/photos, each one different.

    python photos.py FOLDER COUNT WIDTH
"""

import json
import random
import sys
from pathlib import Path

from PIL import Image, ImageEnhance

folder, count, width = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
examples = sorted((Path(__file__).parents[1] / "examples/photos").glob("*.jpg"))
sources = [Image.open(path).convert("RGB") for path in examples]
dice = random.Random(1)
ids = ["landscape", "urban", "architecture", "wildlife", "nature", "portrait", "bw", "winter"]
tags = {}
for number in range(count):
    source = sources[number % len(sources)]
    height = round(source.height * width / source.width * dice.uniform(0.8, 1.2))
    picture = source.resize((width, height), Image.Resampling.BICUBIC)
    if width > 2000:
        # The noise of a sensor, so that files are as large as a camera's.
        noise = Image.effect_noise(picture.size, 12).convert("RGB")
        picture = Image.blend(picture, noise, 0.06)
    picture = ImageEnhance.Color(picture).enhance(dice.uniform(0.6, 1.4))
    picture.save(folder / f"{number:05}.jpg", quality=92 if width > 2000 else 80)
    tags[f"{number:05}"] = dice.sample(ids, dice.choice([1, 1, 1, 2]))
(folder / "tags.json").write_text(json.dumps(tags))
