use super::*;

fn page(values: &mut NumberValues, numbers: impl Iterator<Item = u64>) -> (Encoded, Vec<u8>) {
    numbers.for_each(|number| values.push(number));
    values.settle();
    let mut out = Vec::new();
    let encoded = values.encode(0..values.len(), &mut out);
    values.end_page();
    (encoded, out)
}

#[test]
fn numbers_that_repeat_are_codes() {
    let mut values = NumberValues::ints();
    let (encoded, out) = page(&mut values, [7, 9, 7].into_iter());
    assert_eq!((encoded, out), (Encoded::AsPlanned, vec![8, 3, 0, 1, 0, 0, 0, 0, 0, 0]));
    let numbers = [7u64.to_le_bytes(), 9u64.to_le_bytes()].concat();
    assert_eq!(values.dictionary_page(), Some((numbers.as_slice(), 2)));
}

#[test]
fn a_column_of_ever_new_numbers_goes_on_without_codes_until_the_row_group_ends() {
    let mut values = NumberValues::ints();
    let (first, _) = page(&mut values, 0..TRIAL_VALUES as u64);
    let (second, out) = page(&mut values, [7, 8].into_iter());
    assert_eq!((first, second), (Encoded::AsPlanned, Encoded::Plain));
    assert_eq!(out, [7u64.to_le_bytes(), 8u64.to_le_bytes()].concat());
    assert_eq!(values.dictionary_page().map(|page| page.1), Some(TRIAL_VALUES));
    values.reset();
    assert_eq!(page(&mut values, [7].into_iter()).0, Encoded::AsPlanned);
}

#[test]
fn bounds_are_those_of_the_pages_numbers() {
    let mut values = NumberValues::ints();
    page(&mut values, [100].into_iter());
    [3, -5i64 as u64].into_iter().for_each(|number| values.push(number));
    let bounds = values.bounds(0..values.len()).unwrap();
    assert_eq!((bounds.min, bounds.max), ((-5i64).to_le_bytes().into(), 3i64.to_le_bytes().into()));
    let mut values = NumberValues::doubles();
    [2.0, f64::NAN, 0.0].into_iter().for_each(|number: f64| values.push(number.to_bits()));
    let bounds = values.bounds(0..values.len()).unwrap();
    assert_eq!(
        (bounds.min, bounds.max),
        ((-0.0f64).to_le_bytes().into(), 2f64.to_le_bytes().into())
    );
}
