//! Which certificates are GitLab's.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// TLS that trusts the certificates in this PEM file beside the usual authorities: authorities, or a server's own.
///
/// # Errors
/// If the file can't be read, or holds none.
pub fn trusting(file: &Path) -> Result<ClientConfig, String> {
    let told = |problem: &dyn fmt::Display| format!("GITLAB_CA_FILE ({}) {problem}", file.display());
    let pem = std::fs::read(file).map_err(|error| told(&format_args!("can't be read: {error}")))?;
    let certificates: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|error| told(&format_args!("is no PEM file: {error}")))?;
    if certificates.is_empty() {
        return Err(told(&"holds no certificate in PEM form"));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = |provider: Arc<CryptoProvider>| -> Result<ClientConfig, Error> {
        // A server's own certificate may be none that an authority could have; then it only counts as itself.
        let roots = certificates
            .iter()
            .filter(|one| Verifier::new_with_extra_roots([(*one).clone()], provider.clone()).is_ok());
        let usual = Verifier::new_with_extra_roots(roots.cloned(), provider.clone())?;
        let verifier = Trust {
            usual,
            own: certificates.clone(),
        };
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth())
    };
    config(provider).map_err(|error| told(&error))
}

/// The usual authorities with some more, and certificates that count as they are.
#[derive(Debug)]
struct Trust {
    usual: Verifier,
    own: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The server proves in the handshake that it has this certificate's key.
        if self.own.iter().any(|own| own == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.usual
            .verify_server_cert(end_entity, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use mergemind_shared::Secret;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use crate::gitlab::client::Patience;
    use crate::gitlab::{Client, Error, Selection};

    use super::*;

    fn params(is_ca: bool) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        if is_ca {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    /// A GitLab with this certificate.
    async fn serve(certificate: CertificateDer<'static>, key: &KeyPair) -> url::Url {
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let _ = stream.read(&mut [0; 4096]).await;
                let body = r#"{"data":{"metadata":{"version":"1"}}}"#;
                let head = format!(
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        url::Url::parse(&format!("https://localhost:{port}")).expect("an address")
    }

    async fn ask(url: &url::Url, trusted: Option<&str>) -> Result<(), Error> {
        let file = std::env::temp_dir().join(format!("ca-{}.pem", uuid::Uuid::new_v4()));
        let path = trusted.map(|pem| {
            std::fs::write(&file, pem).expect("a file");
            file.as_path()
        });
        let client = Client::new(url, Secret::new("glpat-some"), path).expect("a client");
        let _ = std::fs::remove_file(&file);
        let query = Selection::parse("metadata { version }");
        client.ask("probe", "Q", &query, Patience::Short).await.map(|_| ())
    }

    #[tokio::test]
    async fn a_companys_authority_and_a_certificate_that_signs_itself_are_trusted_by_the_setting_alone() {
        let [own_key, ca_key, key] = [0; 3].map(|_| KeyPair::generate().expect("a key"));
        let own = params(true).self_signed(&own_key).expect("a certificate");
        let ca = params(true).self_signed(&ca_key).expect("a certificate");
        let issuer = Issuer::new(params(true), ca_key);
        let issued = params(false).signed_by(&key, &issuer).expect("a certificate");
        let (of_own, of_ca) = (
            serve(own.der().clone(), &own_key).await,
            serve(issued.der().clone(), &key).await,
        );
        let (own, ca) = (own.pem(), ca.pem());
        for (url, trusted, is_trusted) in [
            (&of_own, None, false),
            (&of_own, Some(&*own), true),
            (&of_own, Some(&*ca), false),
            (&of_ca, None, false),
            (&of_ca, Some(&*ca), true),
            (&of_ca, Some(&*own), false),
        ] {
            let found = ask(url, trusted).await;
            assert_eq!(found.is_ok(), is_trusted, "{found:?}");
            assert!(is_trusted || matches!(found, Err(Error::Untrusted(_))), "{found:?}");
            let hint = found.err().map(|error| error.hint());
            assert!(hint.is_none_or(|hint| hint.contains("GITLAB_CA_FILE")), "{hint:?}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let problem = trusting(Path::new("/nowhere.pem")).err().unwrap_or_default();
        assert!(problem.contains("GITLAB_CA_FILE (/nowhere.pem)"), "{problem}");
    }
}
