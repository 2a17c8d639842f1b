"""The real gcloud and bq, where they are installed, parse every command of scripts and documents."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from commands import all_commands
from terraform import ROOT

HERE = Path(__file__).resolve().parent
# Of these nothing is left to parse than the documents' own words.
ELSEWHERE = {("gcloud", "auth", "login"), ("gcloud", "auth", "application-default", "login")}


@unittest.skipUnless(shutil.which("gcloud") and shutil.which("bq"), "gcloud and bq are not installed")
class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="mergemind-gcloud-")
        cls.environment = os.environ | {
            "CLOUDSDK_CONFIG": cls.folder.name, "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true", "HOME": cls.folder.name,
        }
        cls.commands = {words: file for words, file in all_commands(ROOT).items() if words not in ELSEWHERE}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def parsed(self, commands):
        """Whether gcloud knows each."""
        sdk = Path(shutil.which("gcloud")).resolve().parents[1]
        done = subprocess.run(
            [sys.executable, HERE / "parse_gcloud.py", sdk], env=self.environment, cwd=ROOT, input=json.dumps(commands), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return json.loads(done.stdout)

    def test_gcloud_knows_every_command_and_flag(self):
        commands = [words for words in self.commands if words[0] == "gcloud"]
        self.assertGreater(len(commands), 30)
        unknown = [f"{self.commands[words]}: {' '.join(words)}" for words, known in zip(commands, self.parsed(commands)) if not known]
        self.assertEqual(unknown, [])

    def test_a_wrong_flag_and_a_wrong_command_are_noticed(self):
        mistakes = ["gcloud run services list --regoin=x", "gcloud artifacts docker images copy a b", "gcloud run services list --region=x"]
        self.assertEqual(self.parsed([text.split() for text in mistakes]), [False, False, True])

    def test_bq_knows_every_command_and_flag(self):
        # One of each form: bq is a program to start for each.
        forms = {}
        for words, file in self.commands.items():
            if words[0] == "bq":
                forms[tuple(word.partition("=")[0] for word in words if word.startswith("-") or word.isalpha())] = (words, file)
        self.assertGreater(len(forms), 3)
        for words, file in forms.values():
            with self.subTest(f"{file}: {' '.join(words)[:200]}"):
                self.assertNotRegex(self.bq(words), "(?i)flags parsing error|unknown command|not a command")
        self.assertRegex(self.bq(["bq", "query", "--nonsense", "x"]), "(?i)flags parsing error|unknown command")

    def bq(self, words):
        """What bq says of a command that nobody answers."""
        nobody = ["--oauth_access_token=x", "--api=http://127.0.0.1:9", "--headless"]
        done = subprocess.run(
            ["bq", *nobody, *words[1:]], env=self.environment, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300,
        )
        return done.stdout


if __name__ == "__main__":
    unittest.main()
