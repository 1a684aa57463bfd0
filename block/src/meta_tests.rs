use super::*;

const V4: &str = concat!(
    r#"{"format":"vParquet4","blockID":"05edbaed-eaf0-4337-b73e-b939870ff338","#,
    r#""tenantID":"single-tenant","startTime":"2026-01-15T12:00:09Z","#,
    r#""endTime":"2026-01-15T13:05:00Z","totalObjects":208,"size":147388,"compactionLevel":0,"#,
    r#""indexPageSize":0,"totalRecords":1,"bloomShards":1,"footerSize":20589,"#,
    r#""dedicatedColumns":[{"n":"http.request.method"},{"n":"url.path"},{"n":"url.route"},"#,
    r#"{"n":"server.address"},{"n":"http.route"}],"replicationFactor":1}"#
);

const COLUMNS: &str = concat!(
    r#"[{"n":"http.method"},{"n":"db.statement","o":["blob"]},"#,
    r#"{"n":"http.status_code","t":"int"},{"n":"a.str","o":["array"]},"#,
    r#"{"s":"resource","n":"process.pid","t":"int"},"#,
    r#"{"s":"event","n":"exception.stacktrace","o":["blob"]}]"#
);

#[test]
fn a_real_meta_comes_back_byte_for_byte() {
    let meta = BlockMeta::parse(V4.as_bytes()).unwrap();
    assert_eq!(meta.total_objects, 208);
    assert_eq!(String::from_utf8(meta.to_json()).unwrap(), V4);
}

#[test]
fn dedicated_columns_come_back_byte_for_byte() {
    let columns: Vec<DedicatedColumn> = serde_json::from_str(COLUMNS).unwrap();
    assert_eq!(columns[5].scope, DedicatedScope::Event);
    assert_eq!(serde_json::to_string(&columns).unwrap(), COLUMNS);
}

#[test]
fn missing_null_unknown_and_oddly_cased_keys_are_tolerated() {
    let json = br#"{"FORMAT":"vParquet4","minID":"AA==","size":null,"tenantid":"t"}"#;
    let meta = BlockMeta::parse(json).unwrap();
    assert_eq!((meta.format.as_str(), meta.tenant_id.as_str(), meta.size), ("vParquet4", "t", 0));
    assert_eq!(BlockMeta::parse(b"{}").unwrap(), BlockMeta::default());
    assert!(BlockMeta::parse(b"").is_err());
    assert!(BlockMeta::parse(b"[]").is_err());
}

#[test]
fn of_a_key_that_is_there_twice_the_last_value_counts_and_null_changes_nothing() {
    let json =
        br#"{"size":1,"Size":2,"SIZE":null,"dedicatedColumns":[{"n":"a"}],"x":{"size":[9]}}"#;
    let meta = BlockMeta::parse(json).unwrap();
    assert_eq!((meta.size, meta.dedicated_columns.len()), (2, 1));
}

#[test]
fn more_columns_than_any_block_has_are_refused() {
    let meta = |columns: usize| {
        let columns = vec![r#"{"n":""}"#; columns].join(",");
        BlockMeta::parse(format!(r#"{{"dedicatedColumns":[{columns}]}}"#).as_bytes())
    };
    assert_eq!(meta(4096).unwrap().dedicated_columns.len(), 4096);
    let error = meta(4097).unwrap_err().to_string();
    assert!(error.contains("a list of at most 4096 columns"), "{error}");
}

#[test]
fn zero_size_and_replication_factor_are_left_out() {
    let json = String::from_utf8(BlockMeta::default().to_json()).unwrap();
    assert!(!json.contains("\"size\"") && !json.contains("replicationFactor"));
    assert!(!json.contains("dedicatedColumns"));
}

#[test]
fn what_a_block_was_merged_from_stands_at_the_end_and_comes_back() {
    let mut meta = BlockMeta::parse(V4.as_bytes()).unwrap();
    meta.inputs = vec![uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2)];
    let json = String::from_utf8(meta.to_json()).unwrap();
    let ids = r#"["00000000-0000-0000-0000-000000000001","00000000-0000-0000-0000-000000000002"]"#;
    let expected = format!("{},\"stringendoInputs\":{ids}}}", V4.trim_end_matches('}'));
    assert_eq!(json, expected);
    assert_eq!(BlockMeta::parse(json.as_bytes()).unwrap(), meta);
}

#[test]
fn times_have_as_many_digits_as_they_need() {
    assert_eq!(rfc3339(1_768_478_401_123_456_789), "2026-01-15T12:00:01.123456789Z");
    assert_eq!(rfc3339(1_768_478_401_500_000_000), "2026-01-15T12:00:01.5Z");
    assert_eq!(rfc3339(1_768_478_400_000_000_000), "2026-01-15T12:00:00Z");
    rfc3339(u64::MAX);
}

#[test]
fn times_are_read_as_nanoseconds() {
    let mut meta = BlockMeta::parse(V4.as_bytes()).unwrap();
    assert_eq!(
        meta.time_range_unix_nanos(),
        (1_768_478_409_000_000_000, 1_768_482_300_000_000_000)
    );
    meta.start_time = "0001-01-01T00:00:00Z".into();
    meta.end_time = "soon".into();
    assert_eq!(meta.time_range_unix_nanos(), (0, 0));
}

#[test]
fn the_default_columns_have_four_resource_strings_seven_span_strings_three_span_ints() {
    let columns = default_dedicated_columns();
    let count = |scope, kind| {
        columns.iter().filter(|column| column.scope == scope && column.kind == kind).count()
    };
    assert_eq!(count(DedicatedScope::Resource, DedicatedType::String), 4);
    assert_eq!(count(DedicatedScope::Span, DedicatedType::String), 7);
    assert_eq!(count(DedicatedScope::Span, DedicatedType::Int), 3);
}
