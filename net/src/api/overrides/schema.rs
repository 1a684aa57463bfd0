//! Which limits a tenant may set, and to what (contract http-api.md §7). Unknown keys are refused.

use std::time::Duration;

use serde_json::{Map, Value};
use stringendo_traceql::duration::parse_go;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Processors of the metrics-generator (contract metrics.md A2).
const PROCESSORS: &[&str] = &[
    "span-metrics",
    "span-metrics-count",
    "span-metrics-latency",
    "span-metrics-size",
    "service-graphs",
    "service-graphs-request",
    "service-graphs-latency",
    "service-graphs-connection-info",
    "host-info",
    "local-blocks",
];

/// What a key may hold.
#[derive(Clone, Copy)]
enum Shape {
    Bool,
    Text,
    /// One of these.
    Word(&'static [&'static str]),
    /// The name of a label.
    Label,
    /// A whole number that is not negative.
    Count,
    /// A number above this.
    Above(f64),
    /// A duration, text as Go writes it, within these bounds.
    Span(Duration, Duration),
    /// A list of such things.
    List(&'static Shape),
    /// Names of the tenant's own, with such things.
    MapOf(&'static Shape),
    /// These keys.
    Keys(&'static [(&'static str, Shape)]),
    Anything,
}

use Shape::{Above, Anything, Bool, Count, Keys, Label, List, MapOf, Span, Text, Word};

const ROOT: &[(&str, Shape)] = &[
    ("forwarders", List(&Text)),
    ("cost_attribution", Keys(&[("dimensions", MapOf(&Text))])),
    ("metrics_generator", Keys(GENERATOR)),
];

const GENERATOR: &[(&str, Shape)] = &[
    ("processors", List(&Word(PROCESSORS))),
    ("disable_collection", Bool),
    ("collection_interval", Span(Duration::from_secs(15), Duration::from_secs(300))),
    ("trace_id_label_name", Label),
    ("ingestion_time_range_slack", Span(Duration::ZERO, Duration::from_secs(12 * 3600))),
    ("generate_native_histograms", Word(&["", "classic", "native", "both"])),
    ("native_histogram_max_bucket_number", Count),
    ("native_histogram_bucket_factor", Above(1.0)),
    ("native_histogram_min_reset_duration", Span(Duration::ZERO, Duration::MAX)),
    ("span_name_sanitization", Word(&["", "dry_run", "enabled"])),
    ("processor", Keys(PROCESSOR)),
];

const PROCESSOR: &[(&str, Shape)] = &[
    ("service_graphs", Keys(SERVICE_GRAPHS)),
    ("span_metrics", Keys(SPAN_METRICS)),
    ("host_info", Keys(&[("host_identifiers", List(&Text)), ("metric_name", Label)])),
    ("local_blocks", Anything),
];

const SERVICE_GRAPHS: &[(&str, Shape)] = &[
    ("histogram_buckets", List(&Above(f64::NEG_INFINITY))),
    ("dimensions", List(&Text)),
    ("peer_attributes", List(&Text)),
    ("enable_client_server_prefix", Bool),
    ("enable_messaging_system_latency_histogram", Bool),
    ("enable_virtual_node_label", Bool),
    ("filter_policies", List(&POLICY)),
    ("span_multiplier_key", Text),
    ("enable_tracestate_span_multiplier", Bool),
];

const SPAN_METRICS: &[(&str, Shape)] = &[
    ("histogram_buckets", List(&Above(f64::NEG_INFINITY))),
    ("dimensions", List(&Text)),
    ("intrinsic_dimensions", Keys(INTRINSICS)),
    ("dimension_mappings", List(&MAPPING)),
    ("filter_policies", List(&POLICY)),
    ("enable_target_info", Bool),
    ("target_info_excluded_dimensions", List(&Text)),
    ("enable_instance_label", Bool),
    ("span_multiplier_key", Text),
    ("enable_tracestate_span_multiplier", Bool),
];

const INTRINSICS: &[(&str, Shape)] = &[
    ("service", Bool),
    ("span_name", Bool),
    ("span_kind", Bool),
    ("status_code", Bool),
    ("status_message", Bool),
];

const MAPPING: Shape = Keys(&[("name", Text), ("source_labels", List(&Text)), ("join", Text)]);

const POLICY: Shape = Keys(&[("include", MATCHER), ("include_any", MATCHER), ("exclude", MATCHER)]);

const MATCHER: Shape = Keys(&[
    ("match_type", Word(&["strict", "regex"])),
    ("attributes", List(&Keys(&[("key", Text), ("value", Anything)]))),
]);

/// Whether a tenant may set this.
///
/// # Errors
/// The first key that cannot be, and why.
pub fn check(limits: &Map<String, Value>) -> Result<(), String> {
    check_keys(limits, ROOT, "")
}

/// What of limits a tenant may set.
pub fn known_of(limits: &Map<String, Value>) -> Map<String, Value> {
    known(limits, ROOT)
}

fn known(limits: &Map<String, Value>, keys: &[(&str, Shape)]) -> Map<String, Value> {
    let shape_of = |key: &str| keys.iter().find(|(known, _)| *known == key);
    let each = limits.iter().filter_map(|(key, value)| match (shape_of(key)?.1, value) {
        (Keys(keys), Value::Object(inner)) => Some((key.clone(), known(inner, keys).into())),
        _ => Some((key.clone(), value.clone())),
    });
    each.collect()
}

fn check_keys(
    limits: &Map<String, Value>,
    keys: &[(&str, Shape)],
    path: &str,
) -> Result<(), String> {
    for (key, value) in limits {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match keys.iter().find(|(known, _)| known == key) {
            Some((_, shape)) => check_value(value, *shape, &path)?,
            None => return Err(format!("unknown field {path:?}")),
        }
    }
    Ok(())
}

fn check_value(value: &Value, shape: Shape, path: &str) -> Result<(), String> {
    let fits = match (shape, value) {
        // As if it were not there.
        (_, Value::Null) => true,
        (Keys(keys), Value::Object(inner)) => return check_keys(inner, keys, path),
        (List(item), Value::Array(items)) => {
            return items.iter().try_for_each(|value| check_value(value, *item, path));
        }
        (MapOf(item), Value::Object(inner)) => {
            return inner.values().try_for_each(|value| check_value(value, *item, path));
        }
        (Span(least, most), Value::String(text)) => return check_span(text, least, most, path),
        (Bool, Value::Bool(_)) | (Text, Value::String(_)) | (Anything, _) => true,
        (Word(words), Value::String(word)) => words.contains(&word.as_str()),
        (Label, Value::String(name)) => is_label(name),
        (Count, Value::Number(number)) => number.is_u64(),
        (Above(bound), Value::Number(number)) => number.as_f64().is_some_and(|n| n > bound),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("invalid {path}: {value} is not {}", expected(shape))) }
}

fn check_span(text: &str, least: Duration, most: Duration, path: &str) -> Result<(), String> {
    let nanos = parse_go(text).map_err(|error| format!("invalid {path}: {error}"))?;
    let fits = u64::try_from(nanos).is_ok_and(|nanos| {
        let span = Duration::from_nanos(nanos);
        least <= span && span <= most
    });
    if fits {
        return Ok(());
    }
    Err(format!("invalid {path}: {text:?} is not {}", expected(Span(least, most))))
}

/// Empty is none.
fn is_label(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn expected(shape: Shape) -> String {
    match shape {
        Bool => "true or false".to_owned(),
        Text => "a text".to_owned(),
        Word(words) => format!("one of {}", words.join(", ")),
        Label => "the name of a label".to_owned(),
        Count => "a whole number that is not negative".to_owned(),
        Above(bound) if bound.is_finite() => format!("a number above {bound}"),
        Above(_) => "a number".to_owned(),
        Span(_, most) if most == Duration::MAX => "a duration".to_owned(),
        Span(least, most) => format!("a duration from {} to {}", short(least), short(most)),
        List(_) => "a list".to_owned(),
        MapOf(_) | Keys(_) => "an object".to_owned(),
        Anything => "anything".to_owned(),
    }
}

fn short(span: Duration) -> String {
    let (amount, unit) = match span {
        span if span >= HOUR => (span.as_secs() / HOUR.as_secs(), "h"),
        span if span >= MINUTE => (span.as_secs() / MINUTE.as_secs(), "m"),
        span => (span.as_secs() / SECOND.as_secs(), "s"),
    };
    format!("{amount}{unit}")
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
