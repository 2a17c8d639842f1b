"""gcloud, bq and sleep for tests of scripts/deploy: they note each call, and act on the stand-in's Google Cloud.

Called with the name it stands for. NOTES is the file of calls, VAULT a folder for secrets and buckets, STAND_IN_CLOUD
the cloud (stand-in/cloud.py). A build takes many calls' time, as it takes minutes; so does a sleep. BUILD_BREAKS, if
set, has the first build end after the first of its images.
"""
import fcntl
import hashlib
import json
import os
import sys
from pathlib import Path

MINUTES = 500
VAULT = Path(os.environ["VAULT"])


def main():
    tool, arguments = sys.argv[1], sys.argv[2:]
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(" ".join([tool, *arguments]) + "\n")
    with open(os.environ["STAND_IN_CLOUD"], "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        text = file.read()
        world = {"clock": 0, "objects": {}, "delays": {}, "digests": {}, "images": []} | json.loads(text or "{}")
        status = {"gcloud": gcloud, "bq": bq, "sleep": sleep}[tool](world, arguments)
        # `json.dump` would encode in Python, ten times more slowly.
        if (changed := json.dumps(world)) != text:
            file.seek(0)
            file.truncate()
            file.write(changed)
    sys.exit(status or 0)


def option(arguments, name):
    return next((a.split("=", 1)[1] for a in arguments if a.startswith(f"--{name}=")), None)


def place(address):
    return VAULT / address.removeprefix("gs://").replace("/", "_")


def gcloud(world, arguments):
    match arguments:
        case ["secrets", "versions", "list", name, *_]:
            if (VAULT / name).exists():
                print(1)
        case ["secrets", "versions", "add", name, *_]:
            source = option(arguments, "data-file")
            (VAULT / name).write_text(sys.stdin.read() if source == "-" else Path(source).read_text())
            world.setdefault("values", []).append(name)
        case ["storage", "buckets", "describe", address, *_]:
            return not place(address).exists()
        case ["storage", "buckets", "create", address, *_]:
            place(address).touch()
        case ["storage", "cp", source, target, *_] if source.startswith("gs://"):
            Path(target).write_text(place(source).read_text())
        case ["storage", "cp", source, target, *_]:
            place(target).write_text(Path(source).read_text())
        case ["storage", "cat", source, *_]:
            if not place(source).exists():
                return 1
            print(place(source).read_text())
        case ["artifacts", "docker", "images", "describe", reference, *_]:
            if reference not in world["digests"]:
                return 1
            print(world["digests"][reference])
        case ["builds", "submit", *_]:
            return submit(world, arguments)
        case ["run", "services", "update", name, *_]:
            world["clock"] += 1
    return 0


def submit(world, arguments):
    world["clock"] += MINUTES
    settings = dict(pair.split("=", 1) for pair in option(arguments, "substitutions").split(","))
    if "_COPIES" in settings:
        words = settings["_COPIES"].split()
        for source, target in zip(words[::2], words[1::2]):
            if source not in world["images"]:
                print(f"no such image: {source}", file=sys.stderr)
                return 1
            push(world, target, source.partition("@")[2])
        return 0
    built = world["built"] = world.get("built", 0) + 1
    for image in ("gitlab-connector", "dbt-trigger"):
        # No two builds give the same bytes.
        digest = "sha256:" + hashlib.sha256(f"{image} {built}".encode()).hexdigest()
        push(world, f"{settings['_REPOSITORY']}/{image}:{settings['_TAG']}", digest)
        if os.environ.get("BUILD_BREAKS") and built == 1:
            return 1
    return 0


def push(world, reference, digest):
    world["digests"][reference] = digest
    world["images"].append(reference.rpartition(":")[0] + "@" + digest)


def bq(world, arguments):
    if "show" in arguments:
        name = arguments[-1].partition(":")[2]
        for key, found in world["objects"].items():
            if key.startswith("google_bigquery_dataset|") and key.endswith("/" + name):
                print(json.dumps({"location": found["values"]["location"]}))
                return 0
        return 2
    return 0


def sleep(world, arguments):
    world["clock"] += MINUTES


if __name__ == "__main__":
    main()
