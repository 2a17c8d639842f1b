"""What Python may do when it is kept to a fetched project's folder; in processes of their own, for the hook stays."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
PROGRAM = "\n".join((HERE / name).read_text() for name in ["path.py", "confinement.py"])

# Expressions; `own` is the project's folder, `secret` one beside it.
ATTACKS = [
    "open(f'{secret}/environ.sql')",
    "open(f'{secret}/environ.sql'.encode())",
    "open(pathlib.Path(secret) / 'environ.sql')",
    "open(f'{own}/../secret/environ.sql')",
    "open(f'{own}/models/link.sql')",
    "open(f'{own}/folder/environ.sql')",
    "open('secret/environ.sql')",
    "io.open(f'{secret}/environ.sql', 'rb')",
    "os.open(f'{secret}/environ.sql', os.O_RDONLY)",
    "pathlib.Path(secret, 'environ.sql').read_text()",
    "shutil.copyfile(f'{secret}/environ.sql', f'{own}/stolen')",
    "shutil.copytree(secret, f'{own}/stolen')",
    "os.listdir(secret)",
    "next(os.scandir(secret))",
    "open('/proc/self/environ')",
    "open(f'/proc/{os.getppid()}/environ')",
    "open('/proc/self/' + 'root' + '/etc/hostname')",
    "open('/proc/self/cwd/secret/environ.sql')",
    "open('/etc/passwd')",
    "os.link(f'{secret}/environ.sql', f'{own}/stolen')",
    "open(f'{secret}/new', 'w')",
    "open(f'{secret}/environ.sql', 'a')",
    "open(f'{own}/folder/new', 'w')",
    "os.mkdir(f'{secret}/new')",
    "os.symlink(own, f'{secret}/new')",
    "os.rename(f'{secret}/environ.sql', f'{own}/stolen')",
    "os.rename(f'{own}/models/a.sql', f'{secret}/a.sql')",
    "os.replace(f'{own}/models/a.sql', f'{secret}/environ.sql')",
    "shutil.move(f'{secret}/deep', f'{own}/stolen')",
    "os.remove(f'{secret}/environ.sql')",
    "os.truncate(f'{secret}/environ.sql', 0)",
    "os.chmod(f'{secret}/environ.sql', 0o777)",
    "shutil.rmtree(secret)",
    "shutil.rmtree(f'{own}/folder/deep')",
    "subprocess.run(['sh', '-c', f'cat {secret}/environ.sql'])",
    "subprocess.run('true', shell=True)",
    "os.system('true')",
    "os.execv('/bin/cat', ['cat', f'{secret}/environ.sql'])",
    # From here on it is in there.
    "os.chdir(secret) or open('environ.sql')",
]

# What goes on, as statements.
USES = [
    "assert open(f'{own}/models/a.sql').read()",
    "os.symlink(f'{own}/models/a.sql', f'{own}/l'); assert open(f'{own}/l').read()",
    "open(f'{own}/target', 'w').write('x'); os.rename(f'{own}/target', f'{own}/t2'); os.remove(f'{own}/t2')",
    "os.makedirs(f'{own}/a/b/c'); open(f'{own}/a/b/c/x', 'w'); shutil.copytree(f'{own}/a', f'{own}/d'); shutil.rmtree(f'{own}/a')",
    "os.remove(f'{own}/folder')",
    "assert tempfile.NamedTemporaryFile().name.startswith(own)",
    "assert open(os.path.join(own, '..', 'profiles.yml')).read() == 'a profile'",
    "import xml.etree.ElementTree, sqlite3, email.mime.text, unittest, ssl; ssl.create_default_context()",
    "zoneinfo.ZoneInfo('Europe/Berlin')",
    "open('/dev/null', 'w').write('x'); open('/dev/urandom', 'rb').read(1)",
    "assert 'VmRSS' in open('/proc/self/status').read() and os.listdir('/proc/self/task')",
    "assert b'git' in subprocess.run(['git', '--version'], capture_output=True).stdout",
    "import platform; platform.platform(); platform.libc_ver()",
    "os.execv(sys.executable, [sys.executable, '-c', ''])",
]


class Confined(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        for name in ["own/models/a.sql", "secret/environ.sql", "secret/deep/loot.csv"]:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"text of {name}")
        (self.folder / "profiles.yml").write_text("a profile")
        os.symlink(self.folder / "secret/environ.sql", self.folder / "own/models/link.sql")
        os.symlink(self.folder / "secret", self.folder / "own/folder")

    def run_it(self, text, **more):
        told = {"own": [str(self.folder / "own")], "read": [str(self.folder / "profiles.yml")]}
        imports = "import csv, glob, io, json, os, pathlib, shutil, subprocess, tarfile, tempfile, zoneinfo\n"
        names = f"own, secret = {str(self.folder / 'own')!r}, {str(self.folder / 'secret')!r}\n"
        environment = {**os.environ, "MERGEMIND_DBT_FILES": json.dumps(told), "TMPDIR": str(self.folder / "own"), **more}
        program = f"{PROGRAM}\n{imports}{names}keep_to_its_files()\n{text}\n"
        return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=self.folder)

    def contents(self):
        return {str(path): path.read_text() for path in self.folder.glob("secret/**/*") if path.is_file()}

    def test_nothing_outside_is_read_listed_or_changed(self):
        before = self.contents()
        done = self.run_it(
            "for attack in json.loads(os.environ['ATTACKS']):\n"
            "    try:\n        eval(attack)\n        print('done:', attack)\n    except PermissionError as e:\n"
            "        print('refused' if 'a fetched project may not' in str(e) else 'failed:', attack, e)\n",
            ATTACKS=json.dumps(ATTACKS),
        )
        told = done.stdout.splitlines()
        self.assertEqual([line for line in told if not line.startswith("refused ")], [], done.stderr)
        self.assertEqual(len(told), len(ATTACKS), done.stderr)
        self.assertNotIn("text of secret", done.stdout + done.stderr)
        self.assertEqual(self.contents(), before)
        self.assertFalse((self.folder / "own/stolen").is_file())

    def test_what_is_not_found_by_walking_is_told(self):
        done = self.run_it("assert list(os.walk(secret)) == [] and glob.glob(f'{secret}/*') == []")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"read what is outside of its folder: '{self.folder}/secret'", done.stderr)

    def test_its_own_files_python_and_the_system_are_there(self):
        done = self.run_it("for use in json.loads(os.environ['USES']):\n    exec(use)\n    print(use)\n", USES=json.dumps(USES))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_a_forked_child_and_a_thread_are_kept_too(self):
        for text in [
            "pid = os.fork()\nif pid == 0:\n    open('/etc/passwd')\nassert os.waitpid(pid, 0)[1] == 0",
            "import threading\ndef steal():\n    open('/etc/passwd')\n    open(f'{own}/stolen', 'w')\nt = threading.Thread(target=steal)\nt.start()\nt.join()\nassert os.path.exists(f'{own}/stolen')",
        ]:
            done = self.run_it(text)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("'/etc/passwd'", done.stderr)

    def test_credentials_are_read_by_those_who_need_them_alone(self):
        package = self.folder / "packages/google/auth"
        package.mkdir(parents=True)
        (package / "_default.py").write_text("import io\ndef load(path):\n    with io.open(path) as file:\n        return file.read()\n")
        done = self.run_it(
            "import google.auth._default as auth\nassert auth.load(f'{secret}/environ.sql')\nopen(f'{secret}/environ.sql')",
            PYTHONPATH=str(self.folder / "packages"),
        )
        self.assertEqual(done.stderr.count("a fetched project may not"), 2, done.stderr)
        self.assertIn("line", done.stderr.splitlines()[-2])

    def test_without_a_fetched_project_nothing_is_kept(self):
        done = self.run_it("assert open(f'{secret}/environ.sql').read()", MERGEMIND_DBT_FILES="")
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
