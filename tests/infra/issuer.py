"""An issuer of ID tokens as Google is one, with a key of its own; `openssl` does the arithmetic."""
import base64
import json
import subprocess
import time

AUDIENCE = "https://dbt-trigger.example"
ACCOUNT = "pusher@acme-data-123.iam.gserviceaccount.com"


class Issuer:
    def __init__(self, folder):
        self.key = folder / "key.pem"
        self._openssl("genrsa", "-out", self.key, "2048")

    def keys(self):
        """The public key, as an issuer publishes it."""
        modulus = self._openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().partition("=")[2]
        return {"keys": [{"kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig", "n": coded(bytes.fromhex(modulus)), "e": "AQAB"}]}

    def token(self, account=ACCOUNT):
        """A token that is good for an hour."""
        now = int(time.time())
        claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": account, "email_verified": True, "sub": "1", "iat": now, "exp": now + 3600}
        parts = [coded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "k1", "typ": "JWT"}, claims)]
        signature = self._openssl("dgst", "-sha256", "-sign", self.key, given=".".join(parts).encode())
        return ".".join([*parts, coded(signature)])

    def _openssl(self, *words, given=None):
        return subprocess.run(["openssl", *words], input=given, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def coded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
