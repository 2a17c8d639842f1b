"""Terraform's values on the wire, and what the stand-in fills in for Google."""
import json
import zlib

import msgpack

# Terraform writes a value that is only known after apply as this extension type.
UNKNOWN_CODE = 0
REFINED_UNKNOWN_CODE = 12


class Unknown:
    def __repr__(self):
        return "(known after apply)"


UNKNOWN = Unknown()


def unpack(dynamic):
    def extension(code, data):
        return UNKNOWN if code in (UNKNOWN_CODE, REFINED_UNKNOWN_CODE) else msgpack.ExtType(code, data)

    return msgpack.unpackb(dynamic.msgpack, ext_hook=extension, strict_map_key=False)


def pack(value):
    return msgpack.packb(value, default=lambda _unknown: msgpack.ExtType(UNKNOWN_CODE, b"\0"))


def words(text):
    """How an argument is used and its type, without its default and its values."""
    return text.partition(": ")[0].partition(" = ")[0].split()


def defaults(schema, value):
    """`value` with the provider's own defaults where nothing is given."""
    value = dict(value)
    for name, text in schema["attributes"].items():
        _, given, default = text.partition(": ")[0].partition(" = ")
        if given and value.get(name) is None:
            value[name] = json.loads(default)
    for name, nested in schema["blocks"].items():
        inner = value.get(name)
        if isinstance(inner, list):
            value[name] = [defaults(nested, item) if isinstance(item, dict) else item for item in inner]
    return value


def holes(schema, value):
    """`value` with everything unknown that Google would fill in."""
    value = dict(value)
    for name, text in schema["attributes"].items():
        if "computed" in words(text) and value.get(name) is None:
            value[name] = UNKNOWN
        if "write_only" in words(text):
            value[name] = None
    for name, nested in schema["blocks"].items():
        inner = value.get(name)
        if isinstance(inner, dict):
            value[name] = holes(nested, inner)
        elif isinstance(inner, list):
            value[name] = [holes(nested, item) if isinstance(item, dict) else item for item in inner]
    return value


def filled(schema, value, project, number=None):
    """`value` as Google would return it: what was unknown becomes a value that tells where it came from. A resource that
    Google names gets `number` into its name."""
    known = {name: item for name, item in value.items() if item is not UNKNOWN}
    special = rules(known, known.get("project") or known.get("project_id") or project, number)
    label = special["label"]
    result = dict(value)
    for name, text in schema["attributes"].items():
        if value.get(name) is UNKNOWN:
            is_text = words(text)[-1] == "string" and not {"map", "list", "set"} & set(words(text))
            result[name] = special.get(name, f"{name}-of-{label}" if is_text else None)
    for name, nested in schema["blocks"].items():
        inner = value.get(name)
        if isinstance(inner, dict):
            result[name] = filled(nested, inner, project)
        elif isinstance(inner, list):
            result[name] = [filled(nested, item, project) for item in inner]
    return result


def rules(known, project, number):
    """Values whose form matters to those who refer to them."""
    label = next((known[name] for name in NAMES if isinstance(known.get(name), str)), "unnamed")
    place = known.get("location") or known.get("region") or "global"
    within = project if place == "global" else f"{project}/{place}"
    path = f"projects/{within}/{label}"
    if number is not None:
        label = f"{label}-{number}"
        path = f"projects/{project}/{number}"
    if {"role", "member"} <= set(known):
        parent = next((known[name] for name in PARENTS if known.get(name)), project)
        path = f"{within}/{parent}/{known['role']}/{known['member']}"
    email = f"{label}@{project}.iam.gserviceaccount.com"
    project_number = zlib.crc32(project.encode())
    return {
        "label": label,
        "project": project,
        "id": path,
        "name": path,
        "uptime_check_id": f"check-{number}-of-stand-in",
        "email": email,
        "email_address": email,
        "member": f"serviceAccount:{email}",
        "writer_identity": f"serviceAccount:{email}",
        "number": str(project_number),
        "project_number": project_number,
        "uri": f"https://{label}-stand-in.{place}.run.app",
    }


# What a role is given on.
PARENTS = ("secret_id", "dataset_id", "topic", "subscription", "repository", "bucket", "crypto_key_id", "service_account_id", "name")
# What names a resource, best first.
NAMES = ("name", "account_id", "secret_id", "dataset_id", "repository_id", "table_id", "project_id", "service", "display_name")
