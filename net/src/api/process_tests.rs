use super::*;

#[test]
fn the_kernels_numbers_are_all_there() {
    let facts = read();
    assert_eq!(facts.len(), 7, "{facts:?}");
    let value = |name| facts.iter().find(|fact| fact.name == name).unwrap().value;
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_start_time_seconds") > 1e9);
}

#[test]
fn a_process_name_with_blanks_does_not_shift_fields() {
    let stat = "1 (a ) b) S 2 3 4 5 6 7 8 9 10 11 150 50 14 15 16 17 18 19 4200";
    assert_eq!(cpu(stat), Some(2.0));
    assert_eq!(start(stat, "cpu 1\nbtime 1000\n"), Some(1042.0));
    assert_eq!(cpu("nonsense"), None);
}
