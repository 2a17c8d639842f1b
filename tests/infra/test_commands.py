"""The real gcloud and bq, where they are installed, parse every command of scripts and documents."""
import hashlib
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

    def ask(self, program, commands):
        """What a program here says of each command, or said when the same program was asked for the same: loading the real one takes
        twenty seconds of a processor."""
        sdk = Path(shutil.which("gcloud")).resolve().parents[1]
        parts = [(HERE / program).read_text(), (sdk / "VERSION").read_text(), str(sdk), json.dumps(commands)]
        kept = ROOT / f".local/infra/said-{Path(program).stem}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}.json"
        if not kept.exists():
            said = self.ask_anew(program, sdk, commands)
            kept.parent.mkdir(parents=True, exist_ok=True)
            for old in kept.parent.glob(f"said-{Path(program).stem}-*"):
                old.unlink()
            beside = kept.with_suffix(f".{os.getpid()}")
            beside.write_text(json.dumps(said))
            beside.rename(kept)
        return json.loads(kept.read_text())

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
