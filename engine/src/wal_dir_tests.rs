use super::*;

#[test]
fn every_file_has_one_owner_whatever_the_number_of_cores() {
    for cores in 1..=9 {
        let mut shares = vec![0; usize::from(cores)];
        for number in 0..900 {
            let name = Uuid::from_u128(number).to_string();
            let file = Path::new("somewhere").join(name);
            let of = owner(&file.with_extension(SEGMENT), cores);
            assert_eq!(of, owner(&file.with_extension(FREE), cores));
            shares[usize::from(of)] += 1;
        }
        let fair = 900 / usize::from(cores);
        assert!(shares.iter().all(|&share| share > fair / 2), "{cores} cores: {shares:?}");
    }
}
