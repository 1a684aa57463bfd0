use super::*;

fn rendered(series: &[Series]) -> String {
    TextEncoder::new().encode_to_string(&families_of(series)).unwrap()
}

#[test]
fn families_without_labels_are_there_from_the_start() {
    let text = rendered(&[]);
    assert!(text.contains("\ntempo_ingester_blocks_flushed_total 0\n"), "{text}");
    assert!(text.contains("tempo_ingester_flush_duration_seconds_count 0\n"), "{text}");
    assert!(!text.contains("tempo_distributor_spans_received_total"), "{text}");
}

#[test]
fn buckets_are_cumulative() {
    let family = &families::FLUSH_DURATION;
    let Kind::Histogram(bounds) = family.kind else { panic!("a histogram") };
    let mut counts = vec![0; bounds.len() + 1];
    (counts[0], counts[1], counts[bounds.len()]) = (2, 3, 1);
    let sample = Sample::Buckets(counts, 1.5);
    let text = rendered(&[Series { family, labels: Vec::new(), sample }]);
    for expected in [
        "_bucket{le=\"0.005\"} 2\n",
        "_bucket{le=\"0.01\"} 5\n",
        "_bucket{le=\"60\"} 5\n",
        "_bucket{le=\"+Inf\"} 6\n",
        "_sum 1.5\n",
        "_count 6\n",
    ] {
        assert!(text.contains(&format!("flush_duration_seconds{expected}")), "{expected}: {text}");
    }
}

#[test]
fn label_values_are_escaped() {
    let labels = vec!["a\"b\\".to_owned()];
    let sample = Sample::Number(2.0);
    let text = rendered(&[Series { family: &families::SPANS_RECEIVED, labels, sample }]);
    assert!(text.contains(r#"spans_received_total{tenant="a\"b\\"} 2"#), "{text}");
}
