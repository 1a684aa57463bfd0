//! Reads the text of `/metrics`.

/// The sum over all series of a family that carry these labels; nothing when there is no series.
pub fn sum(exposition: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let values: Vec<f64> = exposition
        .lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter_map(|rest| value(rest, labels))
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// `rest` is what follows the name: labels or not, and the value.
fn value(rest: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let (found, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.rsplit_once("} ")?,
        None => ("", rest.strip_prefix(' ')?),
    };
    let carries = |(name, value): &(&str, &str)| found.contains(&format!("{name}=\"{value}\""));
    if !labels.iter().all(carries) {
        return None;
    }
    value.trim().parse().ok()
}

/// Names of all families, as their `# TYPE` lines give them.
pub fn families(exposition: &str) -> Vec<&str> {
    let types = exposition.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).collect()
}
