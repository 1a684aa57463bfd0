use super::{
    BlocksAction, BlocksOptions, BlocksPlace, CliOptions, Command, DemoOptions, Exit, parse,
};
use crate::flags::flags;
use crate::known_keys::Shape;
use crate::value::Kind;
use std::path::PathBuf;
use std::time::Duration;

fn run(args: &[&str]) -> Result<Command, Exit> {
    parse(args.iter().map(Into::into))
}

fn serve(args: &[&str]) -> super::CliOptions {
    match run(args).unwrap() {
        Command::Serve(options) => options,
        other => panic!("{other:?}"),
    }
}

/// The overrides as `path=values`.
fn overrides(args: &[&str]) -> Vec<String> {
    let options = serve(args);
    options.overrides.iter().map(|o| format!("{}={}", o.path, o.values.join(","))).collect()
}

#[test]
fn one_dash_two_dashes_blank_and_equals_sign_are_the_same() {
    for args in [
        &["-config.file", "a.yaml"][..],
        &["-config.file=a.yaml"],
        &["--config.file", "a.yaml"],
        &["--config.file=a.yaml"],
    ] {
        assert_eq!(serve(args).config_file, Some(PathBuf::from("a.yaml")));
    }
}

#[test]
fn booleans_stand_alone_or_take_a_value_after_an_equals_sign() {
    for (arg, value) in [
        ("-config.expand-env", true),
        ("-config.expand-env=true", true),
        ("-config.expand-env=T", true),
        ("-config.expand-env=false", false),
        ("-config.expand-env=0", false),
    ] {
        assert_eq!(serve(&[arg]).expand_env, value, "{arg}");
    }
    assert_eq!(run(&["-config.expand-env=maybe"]).unwrap_err().code, 2);
    assert_eq!(overrides(&["-multitenancy.enabled", "-target=all"]).len(), 2);
}

#[test]
fn the_command_lines_of_user_documents_are_understood() {
    assert!(matches!(run(&["-config.file=/etc/tempo.yaml"]), Ok(Command::Serve(_))));
    assert_eq!(overrides(&["-target=scalable-single-binary"]), ["target=scalable-single-binary"]);
    for args in [["--verify-config", "-config.file=x"], ["-config.verify", "-config.file=x"]] {
        let Ok(Command::Verify(options)) = run(&args) else { panic!("{args:?}") };
        assert_eq!(options.config_file, Some(PathBuf::from("x")));
    }
    assert!(matches!(run(&["-config.verify=false"]), Ok(Command::Serve(_))));
}

#[test]
fn version_and_health_are_commands() {
    assert_eq!(run(&["-version"]), Ok(Command::Version));
    let url = "http://localhost:3200/ready".to_owned();
    assert_eq!(run(&["-health"]), Ok(Command::Health { url }));
    let url = "http://x/ready".to_owned();
    assert_eq!(run(&["-health", "-health.url", "http://x/ready"]), Ok(Command::Health { url }));
}

#[test]
fn every_flag_of_the_table_is_taken_and_names_its_key() {
    let table = flags();
    assert!(table.len() > 150, "{}", table.len());
    for flag in &table {
        let value = match flag.shape {
            Shape::One(Kind::Bool) => "true",
            Shape::One(Kind::Span) => "5m",
            Shape::One(Kind::Address) => "localhost:1",
            Shape::Word(words) => words.iter().find(|word| !word.is_empty()).unwrap(),
            _ => "1",
        };
        let arg = format!("-{}={value}", flag.name);
        let expected =
            if flag.path.is_empty() { Vec::new() } else { vec![format!("{}={value}", flag.path)] };
        assert_eq!(overrides(&[&arg]), expected, "{arg}");
    }
}

#[test]
fn flags_of_the_contract_are_in_the_table() {
    let names = [
        "-target=all",
        "-auth.enabled",
        "-http-api-prefix=/x",
        "-shutdown-delay=5s",
        "-enable-go-runtime-metrics",
        "-span-profiling",
        "-mutex-profile-fraction=5",
        "-block-profile-threshold=5",
        "-log.level=debug",
        "-log.format=json",
        "-server.http-listen-port=1",
        "-server.grpc-listen-port=1",
        "-memberlist.bind-port=1",
        "-memberlist.message-history-buffer-bytes=1",
        "-distributor.log-received-spans.filter-by-status-error",
        "-distributor.log-discarded-spans.include-attributes",
        "-ingester.availability-zone=a",
        "-compactor.disabled",
        "-compactor.compaction.max-objects-per-block=1",
        "-querier.max-condition-groups-per-tag-query=1",
        "-metrics-generator.native-histogram-min-reset-duration=15m",
        "-query-frontend.mcp-server.enabled",
        "-config.per-user-override-config=x",
        "-config.per-user-override-period=10s",
        "-config.enable-legacy-overrides",
        "-reporting.enabled=false",
        "-mem-ballast-size-mbs=1024",
        "-search.enabled",
        "-metrics-generator.enabled",
        "-storage.trace.s3.access_key=x",
        "-storage.trace.blocklist_poll=1m",
    ];
    for name in names {
        assert!(run(&[name]).is_ok(), "{name}");
    }
}

#[test]
fn storage_flags_take_dashes_for_underscores() {
    for arg in ["-storage.trace.pool.max-workers=7", "-storage.trace.pool.max_workers=7"] {
        assert_eq!(overrides(&[arg]), ["storage.trace.pool.max_workers=7"]);
    }
}

#[test]
fn the_last_of_repeated_flags_wins_and_lists_gather() {
    assert_eq!(overrides(&["-target=a", "-target=b"]), ["target=b"]);
    assert_eq!(
        overrides(&["-memberlist.host-port=a:1", "-memberlist.host-port", "b:2"]),
        ["memberlist.join_members=a:1,b:2"]
    );
}

#[test]
fn unknown_flags_and_wrong_values_end_with_usage_and_status_2() {
    for (args, word) in [
        (&["-no-such-flag"][..], "no-such-flag"),
        (&["-server.http-listen-port=many"], "expected an integer"),
        (&["-shutdown-delay=5"], "not a duration"),
        (&["-log.level=loud"], "expected one of"),
        (&["-config.file"], "config.file"),
        (&["surplus"], "surplus"),
    ] {
        let exit = run(args).unwrap_err();
        assert_eq!(exit.code, 2, "{args:?}");
        assert!(exit.text.contains(word), "{}", exit.text);
    }
    let exit = run(&["-no-such-flag"]).unwrap_err();
    assert!(exit.text.contains("Usage: stringendo"), "{}", exit.text);
}

#[test]
fn help_is_grouped_and_leaves_out_what_has_no_effect() {
    for arg in ["-help", "--help", "-h"] {
        let exit = run(&[arg]).unwrap_err();
        assert_eq!(exit.code, 0);
        for word in
            ["demo", "API and logs:", "Storage:", "--server.http-listen-port <PORT>", "3200"]
        {
            assert!(exit.text.contains(word), "{word} not in {}", exit.text);
        }
        assert!(!exit.text.contains("mem-ballast"));
    }
}

#[test]
fn blocks_names_a_place_and_an_action() {
    let options = |args: &[&str]| match run(args) {
        Ok(Command::Blocks(options)) => options,
        other => panic!("{other:?}"),
    };
    let configured = |file: &str| {
        let config_file = Some(PathBuf::from(file));
        BlocksPlace::Configured(CliOptions { config_file, ..CliOptions::default() })
    };
    let listed = BlocksAction::List { json: true };
    let expected = BlocksOptions { place: configured("a"), tenant: None, action: listed };
    assert_eq!(options(&["-config.file=a", "blocks", "list", "-json"]), expected);
    assert_eq!(options(&["blocks", "list", "-config.file", "a", "--json"]), expected);
    let args = ["blocks", "check", "b", "-path", "/d/blocks", "-tenant=t"];
    let (path, wal_path) = (PathBuf::from("/d/blocks"), PathBuf::from("/d/wal"));
    let place = BlocksPlace::Directory { path, wal_path };
    let action = BlocksAction::Check { block: Some("b".to_owned()) };
    let expected = BlocksOptions { place, tenant: Some("t".to_owned()), action };
    assert_eq!(options(&args), expected);
    let action = options(&["blocks", "delete-trace", "1f", "-purge", "-path", "x"]).action;
    let trace_id = "1f".to_owned();
    assert_eq!(action, BlocksAction::DeleteTrace { trace_id, purge: true, dry_run: false });
    assert!(matches!(run(&["blocks", "delete-trace"]), Err(Exit { code: 2, .. })));
    assert!(matches!(run(&["blocks"]), Err(Exit { code: 2, .. })));
}

#[test]
fn demo_has_options_of_its_own() {
    assert_eq!(run(&["demo"]), Ok(Command::Demo(DemoOptions::default())));
    let args = ["demo", "-data-dir", "/d", "--rate=0", "--duration", "1m30s", "--cores", "2"];
    let expected = DemoOptions {
        data_dir: PathBuf::from("/d"),
        rate_spans_per_s: 0,
        duration: Duration::from_secs(90),
        cores: 2,
    };
    assert_eq!(run(&args), Ok(Command::Demo(expected)));
}
