"""Of each image what it is made of, in CycloneDX's form: from Cargo.lock, and for dbt-trigger from the lock of Python's packages."""
import re
from pathlib import Path

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot5
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from packaging.requirements import Requirement

import crates

LOCK = crates.ROOT / "scripts/requirements/dbt.lock"
# The system of the images, whose Python is that of functions/base-images.env.
SYSTEM = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_python_implementation": "CPython", "implementation_name": "cpython"}


def write(told, program, folder):
    """Writes a program's list; returns its path and how many parts it names."""
    bom = bill(told, program)
    text = JsonV1Dot5(bom).output_as_string(indent=1)
    wrong = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    if wrong:
        raise ValueError(f"the list of {program} is not CycloneDX: {str(wrong)[:500]}")
    path = Path(folder) / f"{program}.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path, len(bom.components)


def bill(told, program):
    parts = crates.parts_of(told, program)
    components = {key: crate(package) for key, (package, _) in parts.items()}
    bom = Bom()
    for key, (package, uses) in parts.items():
        if package["name"] == program and package["source"] is None:
            bom.metadata.component = components[key]
            components[key].type = ComponentType.APPLICATION
        else:
            bom.components.add(components[key])
        bom.register_dependency(components[key], [components[used] for used in uses])
    if program == "dbt-trigger":
        packages = list(python_packages())
        bom.components.update(packages)
        bom.register_dependency(bom.metadata.component, packages)
    return bom


def crate(package):
    licence = package["license"]
    return Component(
        type=ComponentType.LIBRARY, name=package["name"], version=package["version"], bom_ref=f"cargo:{package['name']}@{package['version']}",
        purl=PackageURL("cargo", None, package["name"], package["version"]) if package["source"] else None,
        licenses=[LicenseFactory().make_from_string(licence.replace("/", " OR "))] if licence else [],
    )


def python_packages(text=None, python=None):
    """Those of the lock that are installed in the image."""
    version = python or re.search(r"^PYTHON=python:(\d+\.\d+)", (crates.ROOT / "functions/base-images.env").read_text(), re.M)[1]
    system = SYSTEM | {"python_version": version, "python_full_version": f"{version}.0"}
    for block in re.split(r"\n(?=\S)", text or LOCK.read_text()):
        requirement = Requirement(block.partition("\\")[0].strip())
        if requirement.marker and not requirement.marker.evaluate(system):
            continue
        pinned = next(iter(requirement.specifier)).version
        yield Component(
            type=ComponentType.LIBRARY, name=requirement.name, version=pinned, bom_ref=f"pypi:{requirement.name}@{pinned}",
            purl=PackageURL("pypi", None, requirement.name, pinned),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=found) for found in re.findall(r"--hash=sha256:([0-9a-f]{64})", block)],
        )
