"""Keeps Terraform's states over HTTP, in this process's memory: in a file Terraform writes all of a state after each resource."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = 'terraform {\n  backend "http" {\n    address = "%s"\n  }\n}\n'


class Keeper(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(self.server.states.get(self.path))

    def do_POST(self):
        self.server.states[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"")

    def answer(self, content):
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


class StateServer:
    """One server for all workspaces of this process; it ends with the process."""

    server = None

    @classmethod
    def backend(cls, name):
        """The block that has Terraform keep a state here under a name."""
        if cls.server is None:
            cls.server = ThreadingHTTPServer(("127.0.0.1", 0), Keeper)
            cls.server.daemon_threads = True
            cls.server.states = {}
            threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        return BLOCK % f"http://127.0.0.1:{cls.server.server_port}{name}"

    @classmethod
    def text(cls, name):
        """A state as Terraform wrote it last."""
        return cls.server.states[name].decode()

    @classmethod
    def read(cls, name):
        return json.loads(cls.text(name))
