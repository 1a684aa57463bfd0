use super::{differing, document, mask};
use crate::cli::CliOptions;
use crate::settings::Settings;
use serde_json::json;
use std::path::PathBuf;

fn reload(yaml: &str) -> Settings {
    let options =
        CliOptions { config_file: Some(PathBuf::from("x.yaml")), ..CliOptions::default() };
    crate::load(&options, &|_| None, &|_| Ok(yaml.to_owned())).unwrap().settings
}

#[test]
fn printed_settings_load_again_into_the_same_settings() {
    let settings = reload(
        "multitenancy_enabled: true\n\
         http_api_prefix: /tempo/\n\
         distributor:\n  receivers:\n    otlp/a-1:\n      protocols:\n        grpc:\n          \
         endpoint: '[::]:14317'\n          max_recv_msg_size_mib: 9\n        http:\n          \
         cors: {allowed_origins: ['*'], max_age: 7}\n\
         storage: {trace: {backend: local, local: {path: '/tmp/with space: x'}, block: {\
         parquet_dedicated_columns: [{scope: event, name: a.b, type: int, options: [array]},\
         {scope: span, name: c, type: string, options: [blob]}]}}}\n\
         stringendo: {cores: 3, wal: {durability: interval, interval: 250ms}}\n",
    );
    assert_eq!(settings.distributor.receivers.otlp_grpc[0].name, "otlp/a-1");
    assert_eq!(reload(&settings.to_yaml()), settings);
}

#[test]
fn the_document_begins_with_dashes_and_holds_every_block() {
    let yaml = Settings::default().to_yaml();
    assert!(yaml.starts_with("---\n"));
    for line in ["target: all", "server:", "  http_listen_port: 3200", "stringendo:"] {
        assert!(yaml.lines().any(|found| found == line), "{line} in {yaml}");
    }
}

#[test]
fn the_difference_holds_only_what_was_changed() {
    let mut settings = Settings::default();
    assert_eq!(settings.diff_yaml(), "--- {}\n");
    settings.server.http_listen_port = 80;
    assert_eq!(settings.diff_yaml(), "---\nserver:\n  http_listen_port: 80\n");
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    let mut value = json!({"s3": {"secret_key": "x", "access_key": ""}, "l": [{"password": "y"}]});
    mask(&mut value);
    let masked = json!({
        "s3": {"secret_key": "<secret>", "access_key": ""},
        "l": [{"password": "<secret>"}],
    });
    assert_eq!(value, masked);
}

#[test]
fn texts_that_could_be_read_as_something_else_are_quoted() {
    let yaml = document(&json!({"a": "", "b": "true", "c": "1.5", "d": "x: y", "e": "ok-1"}));
    assert_eq!(yaml, "---\na: \"\"\nb: \"true\"\nc: \"1.5\"\nd: \"x: y\"\ne: ok-1\n");
}

#[test]
fn a_changed_list_is_shown_whole() {
    let part = differing(json!({"l": [1, 2], "k": 1}), &json!({"l": [1], "k": 1}));
    assert_eq!(part, Some(json!({"l": [1, 2]})));
}
