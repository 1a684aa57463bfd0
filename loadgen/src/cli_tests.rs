use super::*;

fn words(line: &str) -> Result<Command, clap::Error> {
    parse(line.split(' ').map(OsString::from))
}

fn run_of(line: &str) -> RunCommand {
    match words(line) {
        Ok(Command::Run(command)) => *command,
        Ok(_) => panic!("not a run: {line}"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn without_a_subcommand_it_runs_for_ten_seconds() {
    let command = run_of("loadgen --rate 50k --pin-core 1,2");
    assert_eq!(command.options.rate, Some(50_000.0));
    assert_eq!(command.options.duration, Some(Duration::from_secs(10)));
    assert_eq!(command.options.pin_cores, [1, 2]);
    assert_eq!(command.options.endpoint.authority, "127.0.0.1:4317");
    assert_eq!(run_of("loadgen").options.spans, None);
}

#[test]
fn a_number_of_spans_replaces_the_default_duration() {
    let command = run_of("loadgen run --spans 1.5m --protocol http --compression gzip");
    assert_eq!((command.options.spans, command.options.duration), (Some(1_500_000), None));
    assert_eq!(command.options.compression, Compression::Gzip(1));
    assert_eq!(command.options.endpoint.authority, "127.0.0.1:4318");
}

#[test]
fn times_and_numbers_without_sense_are_refused() {
    let refused = ["--duration x", "--rate 0", "--rate -5", "--endpoint host", "--batch-spans 0"];
    for args in refused {
        assert!(words(&format!("loadgen run {args}")).is_err(), "{args}");
    }
    assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
    assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
}

#[test]
fn verify_needs_a_ledger() {
    assert!(words("loadgen verify").is_err());
    let command = words("loadgen verify --ledger l --api v1 --sample 100");
    let Ok(Command::Verify(command)) = command else { panic!("not a check") };
    assert_eq!((command.options.api, command.options.sample), (Api::V1, Some(100)));
}

#[test]
fn the_definition_of_the_command_line_is_consistent() {
    command().debug_assert();
}
