//! Signatures of webhooks, as Standard Webhooks defines them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A key that signs.
pub struct SigningKey(Vec<u8>);

impl SigningKey {
    /// Reads `whsec_` and the key in Base64.
    ///
    /// # Errors
    /// A sentence that does not repeat the token.
    pub fn read(token: &str) -> Result<Self, String> {
        let key = token.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
        key.filter(|key| key.len() >= 24)
            .map(Self)
            .ok_or_else(|| "a signing token is whsec_ and at least 24 bytes in Base64".to_owned())
    }

    /// The value of the header `webhook-signature`.
    pub fn signature(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::SigningKey;

    #[test]
    fn signs_what_the_standard_gives_as_an_example() {
        let key = SigningKey::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b"{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn refuses_what_is_no_signing_token() {
        for token in ["secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!!"] {
            assert!(SigningKey::read(token).is_err());
        }
    }
}
