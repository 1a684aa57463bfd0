//! Transport security of requests to stores, and of other clients: rustls, with ring's cryptography
//! and the system's authorities.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};

use crate::error::BuildError;
use crate::settings::{Kind, Settings, Tls};

const ANY: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
const NEWEST: &[&SupportedProtocolVersion] = &[&TLS13];

/// What a client of a store needs.
pub(crate) fn of_store(settings: &Settings) -> Result<ClientConfig, BuildError> {
    let insecure = matches!(&settings.kind, Kind::Gcs(gcs) if gcs.insecure);
    let mut tls = settings.tls.clone();
    tls.insecure_skip_verify |= insecure;
    client_config(&tls)
}

/// What a client needs; also one of something else than a store.
///
/// # Errors
/// Certificates or keys that cannot be read.
pub fn client_config(tls: &Tls) -> Result<ClientConfig, BuildError> {
    let provider = Arc::new(ring::default_provider());
    let versions = if tls.tls13_only { NEWEST } else { ANY };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)?;
    let verifier: Arc<dyn ServerCertVerifier> = if tls.insecure_skip_verify {
        Arc::new(Unverified(Arc::clone(&provider)))
    } else {
        verifier(tls, &provider)?
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    Ok(match &tls.identity {
        None => builder.with_no_client_auth(),
        Some((certificates, key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| named(key, &error))?;
            let certified = CertifiedKey::from_der(read(certificates)?, key, &provider)?;
            builder.with_client_cert_resolver(Arc::new(Identity(Arc::new(certified))))
        }
    })
}

fn verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, BuildError> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "some of the system's certificates could not be read");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = &tls.ca_path {
        for certificate in read(path)? {
            roots.add(certificate).map_err(|error| named(path, &error))?;
        }
    }
    if roots.is_empty() {
        // Connections without TLS still work; others say why they do not.
        tracing::warn!("there are no certificates of authorities on this system");
        return Ok(Arc::new(NoAuthorities(Arc::clone(provider))));
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| BuildError::Setting(error.to_string()))?;
    let Some(name) = &tls.server_name else { return Ok(verifier) };
    let name = ServerName::try_from(name.clone())
        .map_err(|error| BuildError::Setting(format!("tls_server_name: {error}")))?;
    Ok(Arc::new(Named { verifier, name }))
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, BuildError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| named(path, &error))?;
    certificates.map(|certificate| certificate.map_err(|error| named(path, &error))).collect()
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> BuildError {
    BuildError::File(format!("{}: {error}", path.display()))
}

/// Our certificate, for whoever asks.
#[derive(Debug)]
struct Identity(Arc<CertifiedKey>);

impl ResolvesClientCert for Identity {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Checks certificates for a name that is not the host's.
#[derive(Debug)]
struct Named {
    verifier: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for Named {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.verifier.verify_server_cert(certificate, intermediates, &self.name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

macro_rules! checks_signatures_alone {
    ($verifier:ident, $outcome:expr) => {
        impl ServerCertVerifier for $verifier {
            fn verify_server_cert(
                &self,
                _: &CertificateDer<'_>,
                _: &[CertificateDer<'_>],
                _: &ServerName<'_>,
                _: &[u8],
                _: UnixTime,
            ) -> Result<ServerCertVerified, rustls::Error> {
                $outcome
            }

            fn verify_tls12_signature(
                &self,
                message: &[u8],
                certificate: &CertificateDer<'_>,
                signed: &DigitallySignedStruct,
            ) -> Result<HandshakeSignatureValid, rustls::Error> {
                let algorithms = &self.0.signature_verification_algorithms;
                verify_tls12_signature(message, certificate, signed, algorithms)
            }

            fn verify_tls13_signature(
                &self,
                message: &[u8],
                certificate: &CertificateDer<'_>,
                signed: &DigitallySignedStruct,
            ) -> Result<HandshakeSignatureValid, rustls::Error> {
                let algorithms = &self.0.signature_verification_algorithms;
                verify_tls13_signature(message, certificate, signed, algorithms)
            }

            fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
                self.0.signature_verification_algorithms.supported_schemes()
            }
        }
    };
}

/// Takes any certificate, as the configuration says.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);
checks_signatures_alone!(Unverified, Ok(ServerCertVerified::assertion()));

/// Takes none, for want of authorities.
#[derive(Debug)]
struct NoAuthorities(Arc<CryptoProvider>);
checks_signatures_alone!(
    NoAuthorities,
    Err(rustls::Error::General("there are no certificates of authorities on this system".into()))
);
