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
from said import kept
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

    def ask(self, program, commands):
        """What a program here says of each command; loading the real one takes twenty seconds of a processor."""
        sdk = Path(shutil.which("gcloud")).resolve().parents[1]
        given = [(HERE / program).read_text(), (sdk / "VERSION").read_text(), str(sdk), commands]
        return kept(Path(program).stem, given, lambda: self.ask_anew(program, sdk, commands))

    def ask_anew(self, program, sdk, commands):
        done = subprocess.run(
            [sys.executable, HERE / program, sdk], env=self.environment, cwd=ROOT, input=json.dumps(commands), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600,
        )
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return json.loads(done.stdout)

    def test_gcloud_knows_every_command_and_flag(self):
        commands = [words for words in self.commands if words[0] == "gcloud"]
        self.assertGreater(len(commands), 30)
        mistakes = ["gcloud run services list --regoin=x", "gcloud artifacts docker images copy a b", "gcloud run services list --region=x"]
        known = self.ask("parse_gcloud.py", commands + [text.split() for text in mistakes])
        self.assertEqual(known[len(commands) :], [False, False, True], "mistakes are noticed")
        self.assertEqual([f"{self.commands[words]}: {' '.join(words)}" for words, is_known in zip(commands, known) if not is_known], [])

    def test_bq_knows_every_command_and_flag(self):
        # One of each form: it tries to reach the API for each.
        forms = {}
        for words in self.commands:
            if words[0] == "bq":
                forms[tuple(word.partition("=")[0] for word in words if word.startswith("-") or word.isalpha())] = words
        self.assertGreater(len(forms), 3)
        mistakes = [["bq", "query", "--nonsense", "x"], ["bq", "shwo", "x:y"]]
        for words, said in zip([*forms.values(), *mistakes], self.ask("parse_bq.py", [*forms.values(), *mistakes])):
            with self.subTest(f"{self.commands.get(words) if isinstance(words, tuple) else 'a mistake'}: {' '.join(words)[:200]}"):
                if words in mistakes:
                    self.assertRegex(said, "Unknown command line flag 'nonsense'|Command 'shwo' unknown")
                else:
                    self.assertIn("Cannot contact server", said, "it did not get past its parser")


if __name__ == "__main__":
    unittest.main()
