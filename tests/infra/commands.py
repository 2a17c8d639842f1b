"""The gcloud and bq commands that scripts and documents hold, taken apart as a shell would."""
import re
from pathlib import Path

# Values for what a document leaves open: the form counts, not the place.
VALUES = {
    "PROJECT": "acme-data-123", "REGION": "europe-west1", "BUILDS_IN": "europe-west1", "LOCATION": "EU", "NAME": "mergemind",
    "location": "EU", "region": "europe-west1", "SCHEDULER": "mergemind-scheduler@acme-data-123.iam.gserviceaccount.com",
}
# Not a list of tools, such as `for tool in gcloud bq …`.
BEGIN = re.compile(r"(?<![\w./-])(?<!in )(?<!in gcloud )(gcloud|bq) (?=[a-z-])")


def commands(path):
    """Every command of a file, each a list of words."""
    text = re.sub(r"\$\{\w+//[^}]*\}", "x", path.read_text().replace("\\\n", " "))
    if path.suffix == ".py" or text.startswith("#!/usr/bin/env python"):
        for body in re.findall(r'\[("gcloud",.*?)\]\)', text):
            yield [fill(re.sub(r"\{[^}]*\}", "x", word)) for word in re.findall(r'f?"((?:[^"\\]|\\.)*)"', body)]
        return
    # In prose a command stands between backticks and may go over lines; in scripts and blocks a line is one.
    prose, blocks = text, []
    if path.suffix == ".md":
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)
        prose = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
        for quoted in re.findall(r"`((?:\\`|[^`])+)`", prose):
            if re.match(r"(gcloud|bq) [a-z-]", quoted):
                yield from taken(re.sub(r"\s+", " ", quoted))
    else:
        blocks = [re.sub(r"^\s*#.*$", "", text, flags=re.M)]
    for block in blocks:
        yield from taken(block)


def taken(text):
    for found in BEGIN.finditer(text):
        if words := split(text[found.start() :]):
            yield words


def split(text):
    """Words up to the end of the command; None where the text is no command at all."""
    words, word, quote, place, nested = [], None, None, 0, 0
    while place < len(text):
        letter = text[place]
        if quote:
            if letter == "\\" and quote == '"' and place + 1 < len(text):
                word, place = word + text[place + 1], place + 1
            elif letter == quote:
                quote = None
            else:
                word += letter
        elif letter in "'\"" and word is not None and text[place + 1 : place + 2] in ("", "\n", ";", ")"):
            # The end of a text that the command stands in.
            break
        elif letter in "'\"":
            quote, word = letter, word or ""
        elif text.startswith("$(", place):
            nested, word = nested + 1, (word or "") + "$("
            place += 1
        elif letter == ")" and nested:
            nested, word = nested - 1, (word or "") + ")"
        elif nested:
            word += letter
        elif letter in " \t":
            if word is not None:
                words.append(word)
            word = None
        elif letter in "\n|;&)`#" or letter in "<>":
            if letter in "<>" and word and word.isdigit():
                word = None
            if letter == "<" and (named := re.match(r"<[\w …-]+>", text[place:])):
                word, place = (word or "") + "x", place + len(named[0]) - 1
            elif letter == "#" and word:
                word += letter
            else:
                break
        else:
            word = (word or "") + letter
        place += 1
    if word:
        words.append(word)
    return [fill(word) for word in words]


def fill(word):
    """A word with values for variables, and for what stands for something."""
    word = re.sub(r"\$\(.*\)", "x", word)
    word = re.sub(r"\$\{(\w+),,\}", lambda m: VALUES.get(m[1], "x").lower(), word)
    word = re.sub(r"\$\{?(\w+)\}?", lambda m: VALUES.get(m[1], "x"), word)
    return word.replace("…", "x")


def all_commands(root: Path):
    """Every distinct command, with the file that it stands in."""
    files = [root / "scripts/deploy", root / "scripts/lib/deploy.sh", root / "scripts/smoke"]
    files += sorted(root.glob("docs/**/*.md")) + sorted(root.glob("infra/**/*.md")) + sorted(root.glob("infra/ci/*"))
    files += [root / "README.md", *sorted((root / "functions").glob("**/*.md")), root / "models/README.md"]
    found = {}
    for file in files:
        for words in commands(file):
            found.setdefault(tuple(words), str(file.relative_to(root)))
    return found
