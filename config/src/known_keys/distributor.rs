//! `distributor` (config.md §4) and its receivers (receivers.md §1, §7).

use super::Shape::{Block, Instances, List, Map};
use super::{ADDRESS, ANY, BOOL, FLOAT, INT, Row, SIZE, SPAN, TEXT, TEXTS};
use super::{alias, later, none, refused, served, shared, write_side};

pub(super) const ROWS: &[Row] = &[
    none("ring", Block(shared::RING)),
    none("override_ring_key", TEXT),
    served("receivers", Instances(RECEIVERS)),
    served("log_received_spans", Block(SPAN_LOG)),
    served("log_discarded_spans", Block(SPAN_LOG)),
    later("metric_received_spans", Block(&[served("enabled root_only", BOOL)])),
    later("forwarders", List(&Block(FORWARDER))),
    later(
        "usage",
        Block(&[served(
            "cost_attribution",
            Block(&[
                served("enabled", BOOL),
                served("max_cardinality", SIZE),
                served("stale_duration", SPAN),
            ]),
        )]),
    ),
    served("retry_after_on_resource_exhausted", SPAN),
    served("max_attribute_bytes", SIZE),
    alias("max_span_attr_byte", SIZE, "distributor.max_attribute_bytes"),
    served("artificial_delay", SPAN),
    none("kafka_config", Block(write_side::KAFKA)),
    none("extend_writes ingester_write_path_enabled kafka_write_path_enabled", BOOL),
    none("log_received_traces", BOOL),
    none("search_tags_deny_list", TEXTS),
];

const SPAN_LOG: &[Row] = &[
    served("enabled include_all_attributes filter_by_status_error", BOOL),
    later("log_sampling_fraction", FLOAT),
];

const FORWARDER: &[Row] = &[
    served("name backend", TEXT),
    served(
        "otlpgrpc",
        Block(&[
            served("endpoints", TEXTS),
            served("tls", Block(&[served("insecure", BOOL), served("cert_file", TEXT)])),
        ]),
    ),
    served("filter", Block(&[served("traces", Block(&[served("span spanevent", TEXTS)]))])),
];

const RECEIVERS: &[Row] = &[
    served("otlp", Block(&[served("protocols", Block(OTLP))])),
    later("jaeger", Block(JAEGER)),
    later("zipkin", Block(&[Row::Of(HTTP_SERVER), served("parse_string_tags", BOOL)])),
    later("opencensus", Block(&[Row::Of(GRPC_SERVER), served("cors_allowed_origins", TEXTS)])),
    later("kafka", Block(KAFKA)),
];

const OTLP: &[Row] = &[
    served("grpc", Block(GRPC_SERVER)),
    served(
        "http",
        Block(&[
            Row::Of(HTTP_SERVER),
            served("traces_url_path", TEXT),
            none("metrics_url_path logs_url_path", TEXT),
        ]),
    ),
];

const JAEGER: &[Row] = &[
    served(
        "protocols",
        Block(&[
            served("grpc", Block(GRPC_SERVER)),
            served("thrift_http", Block(HTTP_SERVER)),
            served("thrift_compact thrift_binary", Block(UDP_SERVER)),
        ]),
    ),
    none("remote_sampling", ANY),
];

const UDP_SERVER: &[Row] = &[
    served("endpoint", ADDRESS),
    served("queue_size max_packet_size workers socket_buffer_size", SIZE),
];

const GRPC_SERVER: &[Row] = &[
    served("endpoint", ADDRESS),
    none("transport", TEXT),
    refused("tls", Block(TLS)),
    refused("auth", Map(&ANY)),
    served("max_recv_msg_size_mib max_concurrent_streams", SIZE),
    none("read_buffer_size write_buffer_size", SIZE),
    later("keepalive", Block(KEEPALIVE)),
    none("include_metadata", BOOL),
    none("middlewares", ANY),
];

const KEEPALIVE: &[Row] = &[
    served(
        "server_parameters",
        Block(&[
            served("max_connection_idle max_connection_age max_connection_age_grace", SPAN),
            served("time timeout", SPAN),
        ]),
    ),
    served(
        "enforcement_policy",
        Block(&[served("min_time", SPAN), served("permit_without_stream", BOOL)]),
    ),
];

const HTTP_SERVER: &[Row] = &[
    served("endpoint", ADDRESS),
    refused("tls", Block(TLS)),
    refused("auth", Map(&ANY)),
    served(
        "cors",
        Block(&[served("allowed_origins allowed_headers", TEXTS), served("max_age", SIZE)]),
    ),
    served("max_request_body_size", SIZE),
    later("compression_algorithms", TEXTS),
    none("include_metadata", BOOL),
    later("read_timeout read_header_timeout write_timeout idle_timeout", SPAN),
    later("keep_alives_enabled", BOOL),
    later("response_headers", ANY),
    none("middlewares transport", ANY),
];

const TLS: &[Row] = &[
    served("cert_file key_file ca_file client_ca_file min_version max_version", TEXT),
    served("cert_pem key_pem ca_pem", TEXT),
    served("client_ca_file_reload include_system_ca_certs_pool", BOOL),
    served("cipher_suites curve_preferences", TEXTS),
    served("reload_interval", SPAN),
];

const KAFKA: &[Row] = &[
    served("brokers", ANY),
    served("protocol_version topic encoding group_id client_id initial_offset", TEXT),
    served("group_rebalance_strategy", TEXT),
    served("session_timeout heartbeat_interval max_fetch_wait", SPAN),
    served("min_fetch_size max_fetch_size default_fetch_size max_partition_fetch_size", INT),
    served(
        "traces",
        Block(&[served("topic encoding", TEXT), served("topics exclude_topics", ANY)]),
    ),
    served("autocommit", Block(&[served("enable", BOOL), served("interval", SPAN)])),
    served("message_marking", Block(&[served("after on_error on_permanent_error", BOOL)])),
    served("auth tls metadata header_extraction error_backoff", Map(&ANY)),
    served("resolve_canonical_bootstrap_servers_only", BOOL),
];
