//! Whatever a file holds, loading ends in settings or in one line of error.

use proptest::prelude::*;
use std::path::PathBuf;

use stringendo_config::{CliOptions, duration, load};

const DOCUMENT: &str = include_str!("data/monolithic-local.yaml");

fn load_text(text: &str) -> Result<(), String> {
    let options = CliOptions {
        config_file: Some(PathBuf::from("x.yaml")),
        expand_env: true,
        ..CliOptions::default()
    };
    load(&options, &|_| Some("v".to_owned()), &|_| Ok(text.to_owned()))
        .map(drop)
        .map_err(|error| error.to_string())
}

proptest! {
    #[test]
    fn any_text_loads_or_is_refused_in_one_line(text in "[\\PC\\n\\t ]{0,200}") {
        if let Err(error) = load_text(&text) {
            prop_assert!(error.starts_with("failed parsing config: "), "{}", error);
        }
    }

    #[test]
    fn a_document_with_a_changed_character_loads_or_is_refused(
        at in 0..DOCUMENT.len(),
        by in "[\\[\\]{}:*&!|>'\"#%@$ \\n\\ta-c0-9-]{0,3}",
    ) {
        let mut text = DOCUMENT.to_owned();
        text.replace_range(at..at + 1, &by);
        if let Err(error) = load_text(&text) {
            prop_assert!(error.starts_with("failed parsing config: "), "{}", error);
        }
    }

    #[test]
    fn durations_read_back_as_they_were_written(ns in any::<u64>()) {
        let written = std::time::Duration::from_nanos(ns);
        prop_assert_eq!(duration::parse(&duration::format(written)), Ok(written));
    }

    #[test]
    fn any_text_is_a_duration_or_is_refused(text in "\\PC{0,20}") {
        let _ = duration::parse(&text);
    }
}
