"""Terraform's values on the wire, and what the stand-in fills in for Google."""
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


def holes(schema, value):
    """`value` with everything unknown that Google would fill in."""
    value = dict(value)
    for name, text in schema["attributes"].items():
        if "computed" in text.partition(": ")[0].split() and value.get(name) is None:
            value[name] = UNKNOWN
        if name.endswith("_wo"):
            value[name] = None
    for name, nested in schema["blocks"].items():
        inner = value.get(name)
        if isinstance(inner, dict):
            value[name] = holes(nested, inner)
        elif isinstance(inner, list):
            value[name] = [holes(nested, item) if isinstance(item, dict) else item for item in inner]
    return value


def filled(schema, value, project):
    """`value` as Google would return it: what was unknown becomes a value that tells where it came from."""
    known = {name: item for name, item in value.items() if item is not UNKNOWN}
    special = rules(known, known.get("project") or known.get("project_id") or project)
    label = special["label"]
    result = dict(value)
    for name, text in schema["attributes"].items():
        if value.get(name) is UNKNOWN:
            is_text = text.partition(": ")[0].endswith("computed string")
            result[name] = special.get(name, f"{name}-of-{label}" if is_text else None)
    for name, nested in schema["blocks"].items():
        inner = value.get(name)
        if isinstance(inner, dict):
            result[name] = filled(nested, inner, project)
        elif isinstance(inner, list):
            result[name] = [filled(nested, item, project) for item in inner]
    return result


def rules(known, project):
    """Values whose form matters to those who refer to them."""
    label = next((known[name] for name in NAMES if isinstance(known.get(name), str)), "unnamed")
    place = known.get("location") or known.get("region") or "global"
    email = f"{label}@{project}.iam.gserviceaccount.com"
    number = zlib.crc32(project.encode())
    return {
        "label": label,
        "project": project,
        "id": f"projects/{project}/{label}",
        "name": f"projects/{project}/{label}",
        "email": email,
        "email_address": email,
        "member": f"serviceAccount:{email}",
        "writer_identity": f"serviceAccount:{email}",
        "number": str(number),
        "project_number": number,
        "uri": f"https://{label}-stand-in.{place}.run.app",
    }


# What names a resource, best first.
NAMES = ("name", "account_id", "secret_id", "dataset_id", "repository_id", "table_id", "project_id", "service", "display_name")
