"""Does `learn` help people who correct what they see?

For each category: POS photos that have it and were missed are added, and it is removed from the NEG best-scoring photos
that lack it, as a person does on a ranked page; average precision of all other photos before and after `learn`, three
seeds. Then the same with labels of photos drawn at random. Prints two tables in Markdown.

    python bench/learning/corrections.py PROGRAM PHOTOS OWN.json

OWN.json: {category: {"prompts": [...], "photos": [keys that have it], "unsure": [keys to leave out]}}
"""

import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROWS = [(6, 7), (3, 7), (6, 20), (6, 3), (6, 0)]
LABELS = [10, 25, 50, 77, 100]
SEEDS = 3
WORSE = 0.03
LEAST_LEFT = 3  # photos of a category that must be left to judge on


class Folder:
    """A photo folder with the categories, and what the program makes of it."""

    def __init__(self, program, photos, own):
        self.program, self.own = program, own
        self.path = Path(tempfile.mkdtemp())
        self.keys = []
        for file in sorted(Path(photos).iterdir()):
            shutil.copy(file, self.path)
            self.keys.append(file.stem)
        self.yes = {c: {str(k) for k in own[c]["photos"]} & set(self.keys) for c in own}
        self.unsure = {c: {str(k) for k in own[c]["unsure"]} for c in own}
        lines = ['[tagging]\nfallback = "none"\n']
        for name, category in own.items():
            lines.append(f'[[category]]\nid = "{name}"\nprompts = {json.dumps(category["prompts"])}\n')
        (self.path / "phototag.toml").write_text("\n".join(lines))
        self.run("tag")
        self.zero_shot = self.scores()

    def run(self, command, *arguments):
        done = subprocess.run([self.program, command, self.path, *arguments], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{command}: {done.stderr}")
        return done.stdout

    def scores(self):
        return json.loads(self.run("scores", "--format", "json"))

    def learned(self, name, content):
        """The scores after learning from one file."""
        file = self.path / name
        file.write_text(json.dumps(content))
        self.run("learn")
        scores = self.scores()
        file.unlink()
        self.run("learn", "--forget")
        return scores

    def average_precision(self, scores, category, left_out):
        keys = [k for k in self.keys if k not in left_out and k not in self.unsure[category]]
        keys.sort(key=lambda k: -scores[k][category])
        right = [k in self.yes[category] for k in keys]
        hits = [sum(right[: i + 1]) / (i + 1) for i, is_right in enumerate(right) if is_right]
        return statistics.fmean(hits) if hits else None


def corrections(folder, added, removed):
    """Average precisions by category and seed: (before, after)."""
    found = {}
    for seed in range(SEEDS):
        draw = random.Random(seed)
        overrides, used = {}, {}
        for category in folder.own:
            yes = sorted(folder.yes[category])
            if len(yes) < added + LEAST_LEFT:
                continue
            no = [k for k in folder.keys if k not in folder.yes[category] and k not in folder.unsure[category]]
            add = draw.sample(yes, added)
            remove = sorted(no, key=lambda k: -folder.zero_shot[k][category])[:removed]
            used[category] = {*add, *remove}
            for keys, change in ((add, "add"), (remove, "remove")):
                for key in keys:
                    overrides.setdefault(key, {}).setdefault(change, []).append(category)
        after = folder.learned("overrides.json", overrides)
        for category, left_out in used.items():
            pair = [folder.average_precision(s, category, left_out) for s in (folder.zero_shot, after)]
            found.setdefault(category, {})[seed] = pair
    return found


def labels(folder, count):
    """The same with `count` photos labelled as a whole, drawn at random."""
    found = {}
    for seed in range(SEEDS):
        drawn = random.Random(seed).sample(folder.keys, count)
        after = folder.learned(
            "labels.json", {k: [c for c in folder.own if k in folder.yes[c]] for k in drawn}
        )
        for category in folder.own:
            left = folder.yes[category] - set(drawn)
            if len(left) >= LEAST_LEFT:
                pair = [folder.average_precision(s, category, drawn) for s in (folder.zero_shot, after)]
                found.setdefault(category, {})[seed] = pair
    return found


def row(name, found):
    means = {c: [statistics.fmean(side) for side in zip(*seeds.values())] for c, seeds in found.items()}
    before, after = (statistics.fmean(side) for side in zip(*means.values()))
    worse = [c for c, (b, a) in means.items() if a < b - WORSE]
    gains = [
        statistics.fmean(a - b for b, a in (seeds[seed] for seeds in found.values() if seed in seeds))
        for seed in range(SEEDS)
    ]
    spread = max(gains) - min(gains)
    print(
        f"| {name} | {before:.3f} | {after:.3f} | {after - before:+.3f} (seeds within {spread:.3f}) | "
        f"{len(worse)} of {len(means)} {' '.join(worse)} |",
        flush=True,
    )


def main():
    program, photos, own = sys.argv[1:4]
    folder = Folder(str(Path(program).resolve()), photos, json.loads(Path(own).read_text()))
    head = "mean AP before | after | gain | worse by more than 0.03 |\n|---|---|---|---|---|"
    print(f"| corrections per category | {head}")
    for added, removed in ROWS:
        row(f"{added} added, {removed} best-scoring wrong ones removed", corrections(folder, added, removed))
    print(f"\n| photos labelled at random | {head}")
    for count in LABELS:
        row(str(count), labels(folder, count))
    shutil.rmtree(folder.path)


if __name__ == "__main__":
    main()
