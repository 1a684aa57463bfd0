use super::*;

#[test]
fn a_command_with_brackets_and_spaces_does_not_shift_the_fields() {
    let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 4 0 100 1000 20";
    assert_eq!(cpu_s(stat), Some(2.0));
    assert_eq!(cpu_s("nonsense"), None);
}

#[test]
fn the_high_water_mark_is_read_in_bytes() {
    assert_eq!(peak_bytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t1 kB\n"), 2 << 20);
    assert_eq!(peak_bytes("Name:\tx\n"), 0);
}

#[test]
fn this_process_can_be_measured() {
    let usage = usage(std::process::id()).unwrap();
    assert!(usage.rss_bytes_max > 0);
}
