"""Reads functions/Dockerfile: what the image of a target holds and how it starts."""
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "functions/Dockerfile"
BASE_IMAGES = ROOT / "functions/base-images.env"


@dataclass
class Image:
    base: str = ""
    # (stage, path there, path in the image)
    copies: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    user: str = "0:0"
    entrypoint: list = field(default_factory=list)


def image(target, path=RECIPE):
    """What a target's image is, with all that its stage is made from."""
    found = stages(path)
    told = Image()
    chain = [target]
    while found[chain[0]][0] in found:
        chain.insert(0, found[chain[0]][0])
    told.base = found[chain[0]][0]
    for stage in chain:
        for word, rest in found[stage][1]:
            if word == "COPY":
                source, there, here = re.fullmatch(r"--from=(\S+) (\S+) (\S+)", rest).groups()
                told.copies.append((source, there, here))
            elif word == "ENV":
                name, _, value = rest.partition("=")
                told.environment[name] = value
            elif word == "USER":
                told.user = rest
            elif word == "ENTRYPOINT":
                told.entrypoint = json.loads(rest)
            elif word != "LABEL":
                raise ValueError(f"{word} in the stage {stage}, which ends in an image: not understood here")
    return told


def stages(path=RECIPE):
    """Of each stage what it is made from, and its instructions."""
    named, found = base_images(), {}
    for word, rest in instructions(path):
        if word == "FROM":
            base, name = re.fullmatch(r"(\S+) AS (\S+)", rest).groups()
            found[name] = (re.sub(r"\$\{(\w+)\}", lambda m: named[m[1]], base), [])
        elif found:
            found[list(found)[-1]][1].append((word, rest))
    return found


def base_images(path=BASE_IMAGES):
    """The images that the first stages are made from, by name of the build argument."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line and not line.startswith("#"))


def context_needs(path=RECIPE):
    """Paths of the repository that the Dockerfile copies from its build context."""
    for word, rest in instructions(path):
        if word == "COPY" and not rest.startswith("--from="):
            yield from rest.split()[:-1]


def arguments(path=RECIPE):
    """Build arguments with their defaults."""
    return dict(rest.split("=", 1) for word, rest in instructions(path) if word == "ARG" and "=" in rest)


def instructions(path=RECIPE):
    text = re.sub(r"\\\n", " ", Path(path).read_text())
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest.strip()
