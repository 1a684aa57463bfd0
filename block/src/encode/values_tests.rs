use super::*;

fn bounds_of(strings: &[&str]) -> Option<(String, String)> {
    let mut values = BytesValues::default();
    strings.iter().for_each(|text| values.push(text.as_bytes()));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    values.bounds(0..values.len()).map(|bounds| (text(bounds.min), text(bounds.max)))
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
fn bounds_of_ids_are_those_of_their_bytes() {
    let found = bounds_of(&["abcdefgz", "abcdefga", "zaaaaaaa"]);
    assert_eq!(found, Some(("abcdefga".into(), "zaaaaaaa".into())));
    assert_eq!(bounds_of(&["abcdefgz", ""]), Some((String::new(), "abcdefgz".into())));
}

#[test]
fn unsigned_bounds_are_compared_without_sign() {
    let mut values = IntValues::<i64>::new(LeafType::U64, LeafEncoding::DeltaPacked);
    [1, -1, 5].into_iter().for_each(|value| values.push(value));
    let bounds = values.bounds(0..values.len()).unwrap();
    assert_eq!((bounds.min, bounds.max), (vec![1, 0, 0, 0, 0, 0, 0, 0], vec![0xff; 8]));
}

#[test]
fn bounds_of_codes_are_those_of_all_strings_so_far() {
    let mut values = DictValues::default();
    ["m", "z"].into_iter().for_each(|text| {
        values.push(text.as_bytes());
    });
    values.truncate(0);
    assert_eq!(values.bounds(0..values.len()), None);
    values.push(b"b");
    let bounds = values.bounds(0..values.len()).unwrap();
    assert_eq!((bounds.min, bounds.max), (b"b".to_vec(), b"z".to_vec()));
}

#[test]
fn a_wrong_guess_does_not_matter() {
    let mut values = DictValues::default();
    let codes = [("a", 7), ("b", 0), ("b", 1), ("a", 1)];
    let codes = codes.map(|(text, guess)| values.push_guessed(text.as_bytes(), guess));
    assert_eq!(codes, [0, 1, 1, 0]);
    assert_eq!(values.codes, codes);
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
    BoolValues(bits.to_vec()).encode(0..bits.len(), &mut out);
    assert_eq!(out, [0b1001, 1]);
}
