//! The `stringendo` binary.
fn main() {}
