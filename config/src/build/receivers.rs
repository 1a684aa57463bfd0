//! `distributor.receivers` → listeners.

use crate::node::Node;
use crate::raw::Raw;
use crate::settings::{Cors, OtlpGrpc, OtlpHttp, Receivers};
use crate::warning::{ConfigError, Warning, WarningKind};

const MIB: u64 = 1 << 20;

/// Reads the receivers; an empty map means the defaults.
///
/// # Errors
/// `otlp` without a protocol, and wrong values.
pub(super) fn read(raw: &Raw, warnings: &mut Vec<Warning>) -> Result<Receivers, ConfigError> {
    let entries = raw.at("distributor.receivers").map_or(&[][..], Node::entries);
    if entries.is_empty() {
        warnings.push(Warning {
            kind: WarningKind::NotYetServed,
            place: None,
            text: "`distributor.receivers` is empty: otlp.grpc listens on localhost:4317; Tempo \
                   would open jaeger.grpc and jaeger.thrift_http too, which are not served yet"
                .to_owned(),
        });
        return Ok(Receivers::default());
    }
    let mut receivers = Receivers { otlp_grpc: Vec::new(), otlp_http: Vec::new() };
    for entry in entries {
        if entry.key.split('/').next() == Some("otlp") {
            let path = format!("distributor.receivers.{}", entry.key);
            otlp(&Raw::new(entry.node.clone()), &entry.key, &mut receivers)
                .map_err(|error| within(error, &path))?;
        }
    }
    Ok(receivers)
}

/// Puts the receiver's path before the key that an error names.
fn within(error: ConfigError, path: &str) -> ConfigError {
    match error {
        ConfigError::Invalid(text) => {
            ConfigError::Invalid(text.replacen('`', &format!("`{path}."), 1))
        }
        other => other,
    }
}

fn otlp(raw: &Raw, name: &str, receivers: &mut Receivers) -> Result<(), ConfigError> {
    // A protocol is enabled by its key, even with nothing in it.
    let protocols = raw.at("protocols").map_or(&[][..], Node::entries);
    let has = |protocol| protocols.iter().any(|entry| entry.key == protocol);
    if !has("grpc") && !has("http") {
        return Err(raw.error("protocols", "must specify at least one protocol"));
    }
    if has("grpc") {
        receivers.otlp_grpc.push(grpc(raw, name)?);
    }
    if has("http") {
        receivers.otlp_http.push(http(raw, name)?);
    }
    Ok(())
}

fn grpc(raw: &Raw, name: &str) -> Result<OtlpGrpc, ConfigError> {
    let mut listener = OtlpGrpc::named(name);
    raw.read("protocols.grpc.endpoint", &mut listener.endpoint)?;
    raw.read("protocols.grpc.max_concurrent_streams", &mut listener.max_concurrent_streams)?;
    raw.read("protocols.grpc.read_buffer_size", &mut listener.read_buffer_size)?;
    // 0 stands for the default of 4 MiB.
    let path = "protocols.grpc.max_recv_msg_size_mib";
    if let Some(mib) = raw.get::<u64>(path)?.filter(|mib| *mib > 0) {
        let bytes = mib.checked_mul(MIB).ok_or_else(|| raw.error(path, "too large"))?;
        listener.max_recv_msg_size_bytes = bytes;
    }
    Ok(listener)
}

fn http(raw: &Raw, name: &str) -> Result<OtlpHttp, ConfigError> {
    let mut listener = OtlpHttp::named(name);
    raw.read("protocols.http.endpoint", &mut listener.endpoint)?;
    if let Some(bytes) = raw.get::<u64>("protocols.http.max_request_body_size")? {
        // 0 stands for the default of 20 MiB.
        listener.max_request_body_size = if bytes > 0 { bytes } else { 20 * MIB };
    }
    listener.traces_url_path = url_path(raw, listener.traces_url_path)?;
    listener.cors = cors(raw)?;
    Ok(listener)
}

fn url_path(raw: &Raw, default: String) -> Result<String, ConfigError> {
    let given = raw.get::<String>("protocols.http.traces_url_path")?.unwrap_or_default();
    Ok(match given.as_str() {
        "" => default,
        path if path.starts_with('/') => given,
        path => format!("/{path}"),
    })
}

fn cors(raw: &Raw) -> Result<Cors, ConfigError> {
    let mut cors = Cors::default();
    raw.read("protocols.http.cors.allowed_origins", &mut cors.allowed_origins)?;
    raw.read("protocols.http.cors.allowed_headers", &mut cors.allowed_headers)?;
    raw.read("protocols.http.cors.max_age", &mut cors.max_age)?;
    Ok(cors)
}
