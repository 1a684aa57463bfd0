use super::*;

fn cost(values: &[f64]) -> Figure {
    Figure { name: "cost".into(), better: Better::Lower, values: values.to_vec() }
}

fn rate(values: &[f64]) -> Figure {
    Figure { name: "rate".into(), better: Better::Higher, values: values.to_vec() }
}

#[test]
fn rounds_that_lie_among_each_other_are_the_same() {
    assert_eq!(verdict(&cost(&[1.0, 1.5, 1.2]), &cost(&[1.4, 1.6, 1.9])), Verdict::Same);
}

#[test]
fn a_cost_that_falls_and_a_rate_that_rises_are_better() {
    assert_eq!(verdict(&cost(&[1.0, 1.1]), &cost(&[0.8, 0.9])), Verdict::Better);
    assert_eq!(verdict(&rate(&[0.8, 0.9]), &rate(&[1.0, 1.1])), Verdict::Better);
    assert_eq!(verdict(&rate(&[1.0, 1.1]), &rate(&[0.8, 0.9])), Verdict::Worse);
}

#[test]
fn medians_that_are_nearly_the_same_are_the_same() {
    assert_eq!(verdict(&cost(&[1.00, 1.001]), &cost(&[1.01, 1.02])), Verdict::Same);
}

#[test]
fn single_rounds_must_differ_by_a_quarter() {
    assert_eq!(verdict(&cost(&[1.0]), &cost(&[1.2])), Verdict::Same);
    assert_eq!(verdict(&cost(&[1.0]), &cost(&[1.3])), Verdict::Worse);
}

#[test]
fn figures_of_rounds_gather_and_come_back_from_json() {
    let mut figures = Figures::default();
    figures.add(vec![cost(&[1.0]), rate(&[5.0])]);
    figures.add(vec![cost(&[2.0]), rate(&[6.0])]);
    assert_eq!(figures.get("cost"), Some(&cost(&[1.0, 2.0])));
    let again = Figures::of_json(&figures.json()).expect("what was written");
    assert_eq!(again.all, figures.all);
    assert!(Figures::of_json(&json!([{"name": 1}])).is_err());
}

#[test]
fn the_median_of_an_even_number_lies_between_the_middle_two() {
    assert_eq!(cost(&[4.0, 1.0, 2.0, 10.0]).median(), 3.0);
    assert_eq!(cost(&[3.0, 1.0, 2.0]).median(), 2.0);
}
