//! `server` and `internal_server` (config.md §3.1).

use super::Shape::{Block, Word};
use super::{ANY, BOOL, PORT, Row, SIZE, SPAN, TEXT, later, none, refused, served};

pub(super) const ROWS: &[Row] = &[
    served("http_listen_address http_path_prefix", TEXT),
    served("http_listen_port", PORT),
    served("http_listen_conn_limit", SIZE),
    served("grpc_listen_address", TEXT),
    served("grpc_listen_port", PORT),
    served("grpc_listen_conn_limit", SIZE),
    served("graceful_shutdown_timeout", SPAN),
    served("http_server_read_timeout http_server_read_header_timeout", SPAN),
    served("http_server_idle_timeout", SPAN),
    later("http_server_write_timeout", SPAN),
    served("grpc_server_max_recv_msg_size grpc_server_max_send_msg_size", SIZE),
    served("grpc_server_max_concurrent_streams", SIZE),
    served("log_level", Word(&["debug", "info", "warn", "error"])),
    served("log_format", Word(&["logfmt", "json"])),
    refused("http_tls_config grpc_tls_config", Block(TLS)),
    later("proxy_protocol_enabled", BOOL),
    none("tls_cipher_suites tls_min_version", TEXT),
    none("http_listen_network grpc_listen_network", TEXT),
    none("grpc_collect_max_streams_by_conn register_instrumentation", BOOL),
    none("report_grpc_codes_in_instrumentation_label_enabled", BOOL),
    none("http_log_closed_connections_without_response_enabled", BOOL),
    none("grpc_server_max_connection_idle grpc_server_max_connection_age", SPAN),
    none("grpc_server_max_connection_age_grace", SPAN),
    none("grpc_server_keepalive_time grpc_server_keepalive_timeout", SPAN),
    none("grpc_server_min_time_between_pings", SPAN),
    none("grpc_server_ping_without_stream_allowed grpc_server_stats_tracking_enabled", BOOL),
    none("grpc_server_recv_buffer_pools_enabled", BOOL),
    none("grpc_server_num_workers grpc_server_read_buffer_size", SIZE),
    none("grpc_server_write_buffer_size", SIZE),
    later("log_source_ips_enabled log_source_ips_full log_request_headers", BOOL),
    later("log_request_at_info_level_enabled trace_request_headers create_new_traces", BOOL),
    later("log_source_ips_header log_source_ips_regex log_request_exclude_headers_list", TEXT),
    later("trace_request_exclude_headers_list", TEXT),
    later("cluster_validation", Block(CLUSTER_VALIDATION)),
];

pub(super) const INTERNAL: &[Row] = &[Row::Of(ROWS), later("enable", BOOL)];

const TLS: &[Row] = &[
    served("cert key client_ca cert_file key_file client_ca_file", TEXT),
    served(
        "client_auth_type",
        Word(&[
            "",
            "NoClientCert",
            "RequestClientCert",
            "RequireAnyClientCert",
            "VerifyClientCertIfGiven",
            "RequireAndVerifyClientCert",
        ]),
    ),
];

const CLUSTER_VALIDATION: &[Row] = &[
    later("label", TEXT),
    later("additional_labels", ANY),
    later("grpc", Block(&[later("enabled soft_validation", BOOL)])),
    later(
        "http",
        Block(&[
            later("enabled soft_validation", BOOL),
            later("excluded_paths excluded_user_agents", ANY),
        ]),
    ),
];
