"""scripts/images/build, with a Docker that only writes down what it is asked for."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import dockerfile
from pair import ROOT

REPOSITORY = "europe-west1-docker.pkg.dev/my-project/mergemind"
DOCKER = """#!/bin/sh
printf '%s ' "$@" >>"$CALLS"; echo >>"$CALLS"
case "$*" in "push --quiet $REFUSED") exit 1 ;; esac
"""


class Build(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="mergemind-images-")))
        (self.folder / "docker").write_text(DOCKER)
        (self.folder / "docker").chmod(0o755)

    def build(self, *arguments, refused="nothing", **told):
        """Docker's calls, and the exit code."""
        calls = self.folder / "calls"
        calls.unlink(missing_ok=True)
        environment = {"PATH": f"{self.folder}:{os.environ['PATH']}", "CALLS": str(calls), "REFUSED": refused} | told
        done = subprocess.run([ROOT / "scripts/images/build", *arguments], env=environment, capture_output=True, text=True)
        return [line.split() for line in calls.read_text().splitlines()], done.returncode

    def test_each_build_names_the_base_images_and_what_the_project_is_parsed_with(self):
        calls, code = self.build("1.0", PROJECT_ID="my-project", BQ_LOCATION="EU")
        self.assertEqual(code, 0)
        self.assertEqual([values(call, "--target") for call in calls], [["gitlab-connector"], ["dbt-trigger"]])
        self.assertEqual([values(call, "--tag") for call in calls], [["gitlab-connector:1.0"], ["dbt-trigger:1.0"]])
        wanted = [f"{name}={image}" for name, image in dockerfile.base_images().items()] + ["PROJECT_ID=my-project", "BQ_LOCATION=EU"]
        for call in calls:
            self.assertEqual(values(call, "--build-arg"), wanted)

    def test_with_a_repository_the_stages_with_all_dependencies_are_kept_and_taken_again(self):
        calls, code = self.build("1.0", REPOSITORY)
        self.assertEqual(code, 0)
        caches = [f"{REPOSITORY}/{stage}:cache" for stage in ("crates", "packages", "dbt")]
        builds = [call for call in calls if call[0] == "build"]
        self.assertEqual([values(call, "--target")[0] for call in builds], ["crates", "packages", "dbt", "gitlab-connector", "dbt-trigger"])
        for call in builds:
            self.assertEqual(values(call, "--cache-from"), caches)
            self.assertIn("BUILDKIT_INLINE_CACHE=1", values(call, "--build-arg"))
        pushed = [call[-1] for call in calls if call[0] == "push"]
        self.assertEqual(pushed, [*caches, f"{REPOSITORY}/gitlab-connector:1.0", f"{REPOSITORY}/dbt-trigger:1.0"])

    def test_a_stage_that_cannot_be_kept_breaks_nothing_and_an_image_does(self):
        self.assertEqual(self.build("1.0", REPOSITORY, refused=f"{REPOSITORY}/crates:cache")[1], 0)
        self.assertEqual(self.build("1.0", REPOSITORY, refused=f"{REPOSITORY}/dbt-trigger:1.0")[1], 1)

    def test_no_stage_with_dependencies_takes_in_what_each_commit_changes(self):
        """Whatever these copy, or stand on, comes from lock files, manifests and base images alone."""
        stages = dockerfile.stages()
        for name in ("crates", "packages", "dbt"):
            base, steps = stages[name]
            self.assertNotIn(base, ("programs", "parsed"))
            copied = [rest.split()[:-1] for word, rest in steps if word == "COPY"]
            for source, *_ in copied:
                self.assertTrue(source in ("--from=manifests", "--from=packages", "scripts/requirements/dbt.lock", "scripts/images/collect"), source)


def values(call, option):
    return [call[index + 1] for index, word in enumerate(call) if word == option]


if __name__ == "__main__":
    unittest.main()
