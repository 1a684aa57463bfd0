//! Blocks that stand in several places: TLS, gRPC clients, rings, memberlist (config.md §3.2,
//! §3.3).

use super::Shape::{Block, Map};
use super::{ANY, BOOL, FLOAT, INT, PORT, Row, SIZE, SPAN, TEXT, TEXTS, none};

pub(super) const CLIENT_TLS: &[Row] = &[
    none("tls_enabled tls_insecure_skip_verify", BOOL),
    none("tls_cert_path tls_key_path tls_ca_path tls_server_name", TEXT),
    none("tls_cipher_suites tls_min_version", TEXT),
];

pub(super) const BACKOFF: &[Row] =
    &[none("min_period max_period", SPAN), none("max_retries", SIZE)];

pub(super) const GRPC_CLIENT: &[Row] = &[
    none("max_recv_msg_size max_send_msg_size rate_limit_burst", SIZE),
    none("rate_limit", FLOAT),
    none("grpc_compression", TEXT),
    none("backoff_on_ratelimits", BOOL),
    none("backoff_config", Block(BACKOFF)),
    none("initial_stream_window_size initial_connection_window_size", TEXT),
    none("connect_timeout connect_backoff_base_delay connect_backoff_max_delay", SPAN),
    none("cluster_validation", Block(&[none("label", TEXT)])),
    Row::Of(CLIENT_TLS),
];

pub(super) const CLIENT: &[Row] = &[
    none(
        "pool_config",
        Block(&[
            none("checkinterval healthchecktimeout healthcheckgraceperiod", SPAN),
            none("healthcheckenabled", BOOL),
            none("maxconcurrenthealthchecks", SIZE),
        ]),
    ),
    none("remote_timeout", SPAN),
    none("grpc_client_config", Block(GRPC_CLIENT)),
];

pub(super) const KVSTORE: &[Row] = &[
    none("store prefix", TEXT),
    none(
        "consul",
        Block(&[
            none("host acl_token", TEXT),
            none("http_client_timeout cas_retry_delay", SPAN),
            none("consistent_reads", BOOL),
            none("watch_rate_limit", FLOAT),
            none("watch_burst_size", SIZE),
        ]),
    ),
    none(
        "etcd",
        Block(&[
            none("endpoints", TEXTS),
            none("dial_timeout", SPAN),
            none("max_retries", SIZE),
            none("username password", TEXT),
            Row::Of(CLIENT_TLS),
        ]),
    ),
    none(
        "multi",
        Block(&[
            none("primary secondary", TEXT),
            none("mirror_enabled", BOOL),
            none("mirror_timeout", SPAN),
        ]),
    ),
];

/// Every kind of ring; which keys a given one has matters to nobody here.
pub(super) const RING: &[Row] = &[
    none("kvstore", Block(KVSTORE)),
    none("heartbeat_period heartbeat_timeout", SPAN),
    none("instance_id instance_addr instance_zone", TEXT),
    none("instance_interface_names excluded_zones", ANY),
    none("instance_port", PORT),
    none("enable_inet6 zone_awareness_enabled", BOOL),
    none("replication_factor", SIZE),
    none("wait_stability_min_duration wait_stability_max_duration", SPAN),
    none("wait_active_instance_timeout", SPAN),
];

pub(super) const PARTITION_RING: &[Row] = &[
    none("kvstore", Block(KVSTORE)),
    none("min_partition_owners_count", SIZE),
    none("min_partition_owners_duration delete_inactive_partition_after", SPAN),
];

pub(super) const MEMBERLIST: &[Row] = &[
    none("node_name compression_algorithm advertise_addr cluster_label", TEXT),
    none("randomize_node_name compression_enabled cluster_label_verification_disabled", BOOL),
    none("abort_if_cluster_join_fails abort_if_cluster_fast_join_fails", BOOL),
    none("stream_timeout pull_push_interval gossip_interval gossip_to_dead_nodes_time", SPAN),
    none("dead_node_reclaim_time notify_interval min_join_backoff max_join_backoff", SPAN),
    none("rejoin_interval left_ingesters_timeout obsolete_entries_timeout leave_timeout", SPAN),
    none("broadcast_timeout_for_local_updates_on_shutdown packet_dial_timeout", SPAN),
    none("packet_write_timeout acquire_writer_timeout", SPAN),
    none("retransmit_factor gossip_nodes received_messages_queue_size", SIZE),
    none("processed_messages_queue_size watch_prefix_buffer_size max_concurrent_writes", SIZE),
    none("message_history_buffer_bytes", SIZE),
    none("max_join_retries abort_if_cluster_fast_join_fails_min_nodes", INT),
    none("advertise_port bind_port", PORT),
    none("join_members bind_addr", TEXTS),
    none("rejoin_seed_nodes", ANY),
    none(
        "zone_aware_routing",
        Block(&[none("enabled", BOOL), none("instance_availability_zone role", TEXT)]),
    ),
    none("propagation_delay_tracker", Map(&ANY)),
    Row::Of(CLIENT_TLS),
];
