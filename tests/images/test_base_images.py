"""scripts/base-images against a registry on this machine, which speaks the OCI distribution API as far as it is asked."""
import hashlib
import importlib.util
import json
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.machinery import SourceFileLoader
from pathlib import Path

from pair import ROOT

SCRIPT = ROOT / "scripts/base-images"
loader = SourceFileLoader("base_images", str(SCRIPT))
base_images = importlib.util.module_from_spec(importlib.util.spec_from_loader("base_images", loader))
loader.exec_module(base_images)
INDEX = json.dumps({"schemaVersion": 2, "mediaType": base_images.KINDS[0], "manifests": []}).encode()
DIGEST = "sha256:" + hashlib.sha256(INDEX).hexdigest()


class Registry(BaseHTTPRequestHandler):
    """`team/open` is for everybody, `team/tokens` for who fetched a token, `team/liar` sends something else than it says."""

    def do_GET(self):
        host = f"127.0.0.1:{self.server.server_port}"
        if self.path == "/token?service=here&scope=repository%3Ateam%2Ftokens%3Apull":
            return self.answer(200, b'{"token": "for-everybody"}')
        if self.path == "/v2/team/tokens/manifests/1.0" and self.headers["Authorization"] != "Bearer for-everybody":
            asks = f'Bearer realm="http://{host}/token",service="here",scope="repository:team/tokens:pull"'
            return self.answer(401, b"{}", {"WWW-Authenticate": asks})
        if self.path in ("/v2/team/open/manifests/1.0", "/v2/team/tokens/manifests/1.0") and base_images.KINDS[0] in self.headers["Accept"]:
            return self.answer(200, INDEX, {"Docker-Content-Digest": DIGEST})
        if self.path == "/v2/team/liar/manifests/1.0":
            return self.answer(200, INDEX + b" ", {"Docker-Content-Digest": DIGEST})
        return self.answer(404, b"{}")

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class BaseImages(unittest.TestCase):
    def setUp(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.host = f"127.0.0.1:{server.server_port}"
        self.file = Path(self.enterContext(tempfile.TemporaryDirectory())) / "base-images.env"

    def renew(self, text, *arguments):
        self.file.write_text(text)
        base_images.main(list(arguments), self.file)
        return self.file.read_text()

    def test_each_image_gets_the_digest_that_its_registry_has(self):
        for repository in ("open", "tokens"):
            for before in ("", "@sha256:" + "0" * 64, f"@{DIGEST}"):
                with self.subTest(f"{repository}{before}"):
                    wanted = f"# words\nRUST={self.host}/team/{repository}:1.0@{DIGEST}\n"
                    self.assertEqual(self.renew(f"# words\nRUST={self.host}/team/{repository}:1.0{before}\n"), wanted)

    def test_nothing_changes_unless_all_is_known(self):
        for other in ("liar", "nowhere"):
            with self.subTest(other):
                text = f"RUST={self.host}/team/open:1.0\nBASE={self.host}/team/{other}:1.0\n"
                with self.assertRaises(SystemExit) as ended:
                    self.renew(text)
                self.assertIn("nothing was changed", str(ended.exception))
                self.assertEqual(self.file.read_text(), text)

    def test_names_lead_to_registries_as_dockers_do(self):
        for image, place in {
            "rust": ("registry-1.docker.io", "library/rust"), "team/rust": ("registry-1.docker.io", "team/rust"),
            "gcr.io/distroless/cc-debian12": ("gcr.io", "distroless/cc-debian12"), "localhost/rust": ("localhost", "rust"),
        }.items():
            self.assertEqual(base_images.place(image), place)

    def test_the_images_that_are_used_are_named_by_digest_or_said_not_to_be(self):
        base_images.main(["--check"])
        for line in base_images.FILE.read_text().splitlines():
            self.assertTrue(line.startswith("#") or base_images.LINE.match(line), line)


if __name__ == "__main__":
    sys.exit(unittest.main())
