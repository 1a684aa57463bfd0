use super::figure;

#[test]
fn a_line_of_the_bench_is_a_figure() {
    let line = "   1 % of traces split: 1234 ns per span; 70.8 bytes per span, before 72.9";
    let found = figure(line).expect("a figure");
    assert_eq!(found.name, "compaction: CPU-ns per span, 1 % of traces split");
    assert_eq!(found.values, [1234.0]);
    assert!(figure("207417 spans in 11231 traces, 4 blocks").is_none());
}
