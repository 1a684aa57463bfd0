use super::*;

fn bounds_of(strings: &[&str]) -> Option<(String, String)> {
    let mut values = BytesValues::default();
    strings.iter().for_each(|text| values.push(text.as_bytes()));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    values.bounds().map(|bounds| (text(bounds.min), text(bounds.max)))
}

#[test]
fn bounds_of_strings_look_beyond_the_first_eight_bytes() {
    let found = bounds_of(&["abcdefgh2", "abcdefgh1", "abcdefgh", "abcdefgh3"]);
    assert_eq!(found, Some(("abcdefgh".into(), "abcdefgh3".into())));
    assert_eq!(bounds_of(&["b", "", "ba"]), Some((String::new(), "ba".into())));
    assert_eq!(bounds_of(&["", ""]), Some((String::new(), String::new())));
    assert_eq!(bounds_of(&[]), None);
}

#[test]
fn unsigned_bounds_are_compared_without_sign() {
    let mut values = IntValues::<i64>::new(LeafType::U64, LeafEncoding::DeltaPacked);
    [1, -1, 5].into_iter().for_each(|value| values.push(value));
    let bounds = values.bounds().unwrap();
    assert_eq!((bounds.min, bounds.max), (vec![1, 0, 0, 0, 0, 0, 0, 0], vec![0xff; 8]));
}

#[test]
fn dictionary_bounds_are_those_of_the_page_not_of_the_dictionary() {
    let mut values = DictValues::default();
    values.push(b"a");
    values.push(b"z");
    values.truncate(0);
    values.push(b"m");
    let bounds = values.bounds().unwrap();
    assert_eq!((bounds.min, bounds.max), (b"m".to_vec(), b"m".to_vec()));
}

#[test]
fn not_a_number_has_no_bounds_and_zeros_include_each_other() {
    assert_eq!(Bounds::of_doubles([f64::NAN].into_iter()), None);
    let bounds = Bounds::of_doubles([f64::NAN, 0.0, 2.0].into_iter()).unwrap();
    assert_eq!(bounds.min, (-0.0f64).to_le_bytes());
    assert_eq!(bounds.max, 2.0f64.to_le_bytes());
}

#[test]
fn booleans_are_a_bit_each() {
    let mut out = Vec::new();
    let bits = [true, false, false, true, false, false, false, false, true];
    BoolValues(bits.to_vec()).encode(&mut out);
    assert_eq!(out, [0b1001, 1]);
}
