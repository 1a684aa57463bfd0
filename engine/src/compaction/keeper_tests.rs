use super::*;

#[test]
fn a_name_is_read_as_it_was_written_and_anything_else_is_none() {
    let name = Name { server: Uuid::from_u128(1), process: Uuid::from_u128(2), count: 3 };
    assert_eq!(Name::parse(&name.to_json()), Some(name));
    for other in ["", "{}", "[]", "{\"server\": 1, \"process\": 2, \"count\": 3}"] {
        assert_eq!(Name::parse(other.as_bytes()), None);
    }
}

#[test]
fn a_tenure_lasts_until_its_time_and_for_ever_where_nobody_else_is() {
    let (second, year) = (Duration::from_secs(1), Duration::from_secs(365 * 24 * 3600));
    let tenure = Tenure::default();
    assert!(tenure.lasts(year));
    let of_job = tenure.clone();
    tenure.set(2 * second);
    assert!(of_job.lasts(second) && !of_job.lasts(2 * second));
    tenure.set(Duration::ZERO);
    assert!(!of_job.lasts(Duration::ZERO));
}
