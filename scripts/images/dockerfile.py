"""Reads the last stage of a Dockerfile: what an image holds and how it starts."""
import json
import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Image:
    base: str = ""
    # (stage, path there, path in the image)
    copies: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    user: str = "0:0"
    entrypoint: list = field(default_factory=list)


def last_stage(path):
    every = list(instructions(path))
    start = max(index for index, (word, _) in enumerate(every) if word == "FROM")
    image = Image(base=every[start][1].split()[0])
    for word, rest in every[start:]:
        if word == "COPY":
            stage, source, target = re.fullmatch(r"--from=(\S+) (\S+) (\S+)", rest).groups()
            image.copies.append((stage, source, target))
        elif word == "ENV":
            name, _, value = rest.partition("=")
            image.environment[name] = value
        elif word == "USER":
            image.user = rest
        elif word == "ENTRYPOINT":
            image.entrypoint = json.loads(rest)
        # RUN there only takes away: what the assembled base never had.
    return image


def context_needs(path):
    """Paths of the repository that a Dockerfile copies from its build context."""
    for word, rest in instructions(path):
        if word == "COPY" and not rest.startswith("--from="):
            yield from rest.split()[:-1]


def arguments(path):
    """Build arguments with their defaults."""
    return dict(rest.split("=", 1) for word, rest in instructions(path) if word == "ARG")


def instructions(path):
    text = re.sub(r"\\\n", " ", Path(path).read_text())
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            yield word, rest.strip()
