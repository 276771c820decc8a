"""Random strings with open_clip's ids of them, by the full vocabulary that open_clip ships, for the
test that compares them:

    venv/bin/python bench/parity/strings.py FOLDER [--count 100000] [--seed 1]
    PHOTOTAG_STRINGS=FOLDER cargo test -p phototag-clip ids_of_a_folder -- --ignored --nocapture

Strings whose ids may differ (crates/clip/src/clean.rs says why) are in groups of their own: what ftfy
takes for wrongly decoded text, and several combining marks in a row, or U+0345.
"""

import argparse
import json
import random
import sys
import unicodedata
from pathlib import Path

import ftfy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "crates/clip/tests/fixtures"))
import make  # noqa: E402

WORDS = ("a photograph of the mountain's won't we've I'd they'll I'm you're snow 2024 3.5 50% #1 @you C++ "
         "&amp; &lt; &eacute; &#233; &#xe9; &hellip; &AMP; &Eacute &notanentity; <b> </b> <|endoftext|> "
         "<start_of_text> <end_of_text> <END_OF_TEXT> it\u2019s \u201cquoted\u201d \u2026 \u2014 caf\u00e9 cafe\u0301 \u00df \u0130 "
         "\ufb01n \ufb03 \uff21\uff22 \u30ab\u3099 \u1100\u1161 \U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e8\U0001f1ed "
         "\x00 \x1b[31m \u00a0 \u3000 \u2028 \u200b \ufeff \u00ad \r\n \t '' 's 'S \u2019s ''s").split(" ")


def characters():
    """Every assigned character but surrogates and private ones, by block of 256, so that each block
    is as likely as the next."""
    blocks = {}
    for code in range(0x110000):
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co"):
            blocks.setdefault(code >> 8, []).append(chr(code))
    return list(blocks.values())


def strings(count, seed):
    rng = random.Random(seed)
    blocks = characters()
    common = [block for block in blocks if ord(block[0]) < 0x3100]
    any_of = lambda: rng.choice(rng.choice(common if rng.random() < 0.6 else blocks))
    for _ in range(count):
        kind = rng.random()
        if kind < 0.3:
            yield "".join(any_of() for _ in range(rng.randint(0, 24)))
        elif kind < 0.6:
            block = rng.choice(blocks)
            yield "".join(rng.choice(block) if rng.random() < 0.8 else " " for _ in range(rng.randint(1, 24)))
        else:
            parts = [rng.choice(WORDS) if rng.random() < 0.7 else any_of() for _ in range(rng.randint(0, 16))]
            yield rng.choice(["", " "]).join(parts)


def group_of(text):
    if ftfy.fix_text(text) != ftfy.fix_text(text, fix_encoding=False):
        return "mojibake"
    marks = [unicodedata.combining(c) > 0 for c in ftfy.fix_text(text).lower()]
    return "marks" if "\u0345" in text or any(a and b for a, b in zip(marks, marks[1:])) else "random"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make.clip_tokenizer(args.folder, 49152 - 256 - 2)
    groups = {"random": [], "mojibake": [], "marks": []}
    for text in strings(args.count, args.seed):
        groups[group_of(text)].append(text)
    ids = {name: [[int(i) for i in np.trim_zeros(tokenizer([text])[0].numpy(), "b")] for text in texts]
           for name, texts in groups.items()}
    (args.folder / "strings.json").write_text(json.dumps(groups))
    (args.folder / "ids.json").write_text(json.dumps(ids))
    print({name: len(texts) for name, texts in groups.items()})


if __name__ == "__main__":
    main()
