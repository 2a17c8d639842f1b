"""How large an image's tree is, as it lies there and compressed as registries keep it, and what is largest in it."""
import gzip
import io
import os
import tarfile
from pathlib import Path

# Parts that are told apart: of folders with many parts the next level.
DEEPER = ("opt", "opt/dbt", "opt/dbt/lib", "usr", "usr/local", "usr/local/lib", "usr/lib")
MEGA = 1_000_000


def measure(place):
    """Bytes of each part, as they are and compressed."""
    parts = {}
    for path in sorted(Path(place).rglob("*")):
        if path.is_file() and not path.is_symlink():
            parts.setdefault(part_of(path.relative_to(place)), []).append(path)
    return {name: (sum(path.stat().st_size for path in files), compressed(files)) for name, files in parts.items()}


def part_of(path):
    """The part of an image that a file belongs to: a package of Python, a program, or a folder."""
    names = path.parts
    if "site-packages" in names:
        return "/".join(names[: names.index("site-packages") + 2])
    length = 1
    while length < len(names) and "/".join(names[:length]) in (*DEEPER, "usr/local/bin"):
        length += 1
    return "/".join(names[:length])


def compressed(files):
    """What gzip makes of them, at the level that Docker takes."""
    counted = Counter()
    with gzip.GzipFile(fileobj=counted, mode="wb", compresslevel=6) as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
        for path in files:
            archive.add(path, recursive=False)
    return counted.bytes


class Counter(io.RawIOBase):
    bytes = 0

    def writable(self):
        return True

    def write(self, data):
        self.bytes += len(data)
        return len(data)


def total(parts):
    return tuple(sum(sizes) for sizes in zip(*parts.values()))


def report(place, parts, largest=10):
    unpacked, packed = total(parts)
    lines = [f"{os.path.relpath(place)}: {unpacked / MEGA:.0f} MB, compressed {packed / MEGA:.0f} MB"]
    for name, (size, small) in sorted(parts.items(), key=lambda part: -part[1][0])[:largest]:
        lines.append(f"    {size / MEGA:6.1f} MB  {small / MEGA:6.1f} MB  {name}")
    return "\n".join(lines)
