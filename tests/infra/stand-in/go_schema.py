"""Reads a resource's schema out of the Google provider's own source: Go literals of Terraform's plugin SDK.

Only what the provider's files use is understood: `map[string]*schema.Schema{…}` with entries that are literals, or calls of
functions and names of variables that hold one. Anything else is an error, so that nothing is guessed.
"""
import json
import re
from functools import cached_property
from pathlib import Path

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|`[^`]*`|[\w.]+|[^\s\w]', re.S)
OPEN, CLOSE = "([{", ")]}"
TYPES = {"TypeString": "string", "TypeInt": "number", "TypeFloat": "number", "TypeBool": "bool"}


def tokens(text):
    return [t for t in TOKEN.findall(text) if not t.startswith(("//", "/*"))]


def text_of(token):
    return token[1:-1] if token.startswith("`") else json.loads(token)


def split(items):
    """Splits tokens at the commas that are in no bracket."""
    parts, depth, part = [], 0, []
    for token in items:
        depth += (token in OPEN) - (token in CLOSE)
        if token == "," and depth == 0:
            parts.append(part)
            part = []
        else:
            part.append(token)
    return [p for p in [*parts, part] if p]


def inside(items):
    """The tokens within the first braces."""
    start, depth = items.index("{"), 0
    for place in range(start, len(items)):
        depth += (items[place] in OPEN) - (items[place] in CLOSE)
        if depth == 0:
            return items[start + 1 : place]
    raise ValueError(f"no end: {' '.join(items[:20])}")


def fields(items):
    """A literal's fields by name: {"Type": tokens, …}."""
    return {part[0]: part[2:] for part in split(inside(items)) if part[1:2] == [":"]}


def struct(items, name):
    """The tokens from `&name{` on."""
    place = next(i for i, token in enumerate(items) if token == name and items[i - 1] == "&")
    return items[place:]


class Source:
    """The provider's files below `google/`."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @cached_property
    def registered(self):
        """The expression and the file of each type, by kind (resource, data) and name."""
        found = {}
        for path in sorted(self.folder.glob("services/*/*.go")):
            if path.name.endswith("_test.go"):
                continue
            for body in re.findall(r"registry\.Schema\{(.*?)\}\.Register", path.read_text(), re.S):
                parts = {p[0]: p[2:] for p in split(tokens(body))}
                kind = "data" if "DataSource" in parts["Type"][0] else "resource"
                found[kind, text_of(parts["Name"][0])] = (parts["Schema"], path.parent)
        return found

    def read(self, kind, name):
        """One type's block, in the form of schema.json."""
        expression, package = self.registered[kind, name]
        schema, timeouts = self.resource(expression, package)
        result = self.block(schema, package)
        result["attributes"].setdefault("id", "optional computed string")
        if timeouts:
            attributes = {use: "optional string" for use in sorted(timeouts)}
            result["blocks"]["timeouts"] = {"attributes": attributes, "blocks": {}, "nesting": "single"}
        return {"attributes": dict(sorted(result["attributes"].items())), "blocks": dict(sorted(result["blocks"].items()))}

    def resource(self, expression, package):
        """Tokens of each argument, and for what there are timeouts."""
        if expression[0].endswith("ResourceIamMember"):
            base = self.variable("IamMemberBaseSchema", self.folder / "tpgiamresource")
            parent = self.schema_map(split(expression[2:-1])[0], package)
            return base | parent, {"create"}
        body = self.function(expression[0].rpartition(".")[2], package)
        if "tpgiamresource.ResourceIamMember" in body:
            start = body.index("tpgiamresource.ResourceIamMember")
            return self.resource([body[start], "(", *balanced(body[start + 1 :]), ")"], package)
        top = fields(struct(body, "schema.Resource"))
        timeouts = {use.lower() for use in fields(top["Timeouts"])} if "Timeouts" in top else set()
        found = self.schema_map(top["Schema"], package, body)
        # Arguments that a function adds to what another one returned: name["x"] = &schema.Schema{…}
        for place, token in enumerate(body):
            if token == "=" and body[place - 1] == "]" and body[place + 1 : place + 3] == ["&", "schema.Schema"]:
                found[text_of(body[place - 2])] = body[place + 1 :]
        return found, timeouts

    def schema_map(self, expression, package, body=()):
        """Arguments with the tokens of each, from a literal, a function's result or a variable."""
        if expression[:2] == ["map", "["]:
            # map [ string ] * schema.Schema { … }
            found = {}
            for part in split(inside(expression)):
                found[text_of(part[0])] = part[2:]
            return found
        name = expression[0].rpartition(".")[2]
        if expression[0].endswith("DatasourceSchemaFromResourceSchema"):
            other = next(t for t in expression[1:] if re.match(r"Resource[A-Z]", t))
            found, _ = self.resource([other], package)
            return {key: ["computed", *value] for key, value in found.items()}
        if name in body and ":=" in "".join(body[body.index(name) + 1 : body.index(name) + 3]):
            start = body.index(name) + 3
            found = self.schema_map(body[start:], package, body)
            if "AddOptionalFieldsToSchema" in " ".join(body):
                place = next(i for i, t in enumerate(body) if t.endswith("AddOptionalFieldsToSchema"))
                for extra in split(balanced(body[place + 1 :]))[1:]:
                    found[text_of(extra[0])] = ["optional", *found[text_of(extra[0])][1:]]
            return found
        if expression[1:2] == ["("]:
            body = self.function(name, package)
            return self.schema_map(body[body.index("return") + 1 :], package, body)
        return self.variable(name, package)

    def function(self, name, package):
        for path in sorted(package.glob("*.go")):
            if found := re.search(rf"^func {name}\(.*?^\}}", path.read_text(), re.S | re.M):
                return tokens(found[0])
        raise ValueError(f"no function {name} in {package}")

    def variable(self, name, package):
        for path in sorted(package.glob("*.go")):
            if found := re.search(rf"^var {name} = (map\[string\]\*schema\.Schema\{{.*?^\}})", path.read_text(), re.S | re.M):
                return self.schema_map(tokens(found[1]), package)
        raise ValueError(f"no variable {name} in {package}")

    def block(self, schema, package, computed=False):
        attributes, blocks = {}, {}
        for name, items in schema.items():
            if name.endswith("_custom_endpoint"):
                continue
            forced = items[0] if items[0] in ("computed", "optional") else None
            items = items[1:] if forced else items
            if items[0].endswith("DeletionPolicySchemaEntry"):
                attributes[name] = "optional computed string"
                continue
            if items[1:2] == ["("]:
                items = struct(self.function(items[0], package), "schema.Schema")
            argument = fields(items)
            read_only = forced == "computed" or ("Computed" in argument and "Optional" not in argument)
            inner = self.element(argument, package)
            if isinstance(inner, dict) and not read_only:
                nested = self.block(inner, package)
                nested["nesting"] = "set" if argument["Type"][0].endswith("TypeSet") else "list"
                if "Required" in argument:
                    nested["at_least"] = int(argument.get("MinItems", ["1"])[0])
                elif "Computed" in argument:
                    nested["computed"] = True
                if "MaxItems" in argument:
                    nested["at_most"] = int(argument["MaxItems"][0])
                if "ForceNew" in argument:
                    nested["replaces"] = True
                blocks[name] = nested
            elif not isinstance(inner, dict):
                # What is read only and a list of objects is left out: nothing here refers to it.
                attributes[name] = self.attribute(argument, inner, forced)
        return {"attributes": dict(sorted(attributes.items())), "blocks": dict(sorted(blocks.items()))}

    def element(self, argument, package):
        """What a list, set or map holds: a name of a type, or the arguments of a block."""
        elem = argument.get("Elem")
        if not elem:
            return "string" if argument["Type"][0].rpartition(".")[2] in ("TypeMap", "TypeList", "TypeSet") else None
        if elem[0] == "&" and elem[1] == "schema.Resource":
            return self.schema_map(fields(elem)["Schema"], package)
        if elem[0] == "&":
            return TYPES[fields(elem)["Type"][0].rpartition(".")[2]]
        body = self.function(elem[0], package)
        return self.schema_map(fields(struct(body, "schema.Resource"))["Schema"], package)

    @staticmethod
    def attribute(argument, inner, forced):
        kind = argument["Type"][0].rpartition(".")[2]
        collection = {"TypeMap": "map", "TypeList": "list", "TypeSet": "set"}.get(kind)
        words = ["required"] if "Required" in argument else []
        words += ["optional"] if "Optional" in argument else []
        words += ["computed"] if "Computed" in argument else []
        words = [forced] if forced else words
        words += ["replaces"] if "ForceNew" in argument and not forced else []
        words += ["sensitive"] if "Sensitive" in argument else []
        words += ["write_only"] if "WriteOnly" in argument else []
        text = " ".join([*words, f"{collection} {inner}" if collection else TYPES[kind]])
        if "Default" in argument and not forced and (default := literal(argument["Default"])) is not None:
            text += f" = {json.dumps(default)}"
        validated = " ".join(argument.get("ValidateFunc", []))
        if "ValidateEnum" in validated and not forced:
            text += ": " + "|".join(v for t in argument["ValidateFunc"] if t.startswith('"') and (v := text_of(t)))
        return text


def balanced(items):
    """The tokens within the first parentheses, which `items` begins with."""
    depth = 0
    for place, token in enumerate(items):
        depth += (token in OPEN) - (token in CLOSE)
        if depth == 0:
            return items[1:place]
    raise ValueError("no end")


def literal(items):
    text = "".join(items)
    if text.startswith(('"', "`")):
        return text_of(text)
    try:
        return json.loads(text)
    except ValueError:
        # A constant by its name; the tests do not need those.
        return None
