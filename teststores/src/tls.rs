//! Certificates that tests trust, and servers that have them.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

/// How a server with TLS is.
#[derive(Clone, Copy, Debug)]
pub struct Tls {
    /// Which certificate it has: `server`, good for `localhost`, its names and 127.0.0.1, or
    /// `named`, good for `store.test`.
    pub certificate: &'static str,
    /// Clients must have a certificate.
    pub asks_clients: bool,
    /// It knows no TLS newer than 1.2.
    pub is_old: bool,
}

impl Default for Tls {
    fn default() -> Self {
        Self { certificate: "server", asks_clients: false, is_old: false }
    }
}

/// A file of `data`: `ca.pem`, `client.pem`, `client.key.pem`, …
#[must_use]
pub fn certificate_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

impl Tls {
    /// What rustls needs.
    ///
    /// # Panics
    /// When a file of certificates is not what it should be.
    pub(crate) fn server_config(self) -> Arc<ServerConfig> {
        const NEW: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
        const OLD: &[&SupportedProtocolVersion] = &[&TLS12];
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let versions = if self.is_old { OLD } else { NEW };
        let builder = builder.with_protocol_versions(versions).expect("known versions");
        let builder = match self.asks_clients {
            false => builder.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                let added = certificates("ca").into_iter().map(|ca| roots.add(ca));
                added.collect::<Result<Vec<()>, _>>().expect("an authority");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let key = certificate_path(&format!("{}.key.pem", self.certificate));
        let key = PrivateKeyDer::from_pem_file(key).expect("a key");
        let chain = certificates(self.certificate);
        Arc::new(builder.with_single_cert(chain, key).expect("a certificate with its key"))
    }
}

fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    let path = certificate_path(&format!("{name}.pem"));
    let each = CertificateDer::pem_file_iter(path).expect("a file of certificates");
    each.collect::<Result<_, _>>().expect("certificates")
}
