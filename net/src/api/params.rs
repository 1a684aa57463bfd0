//! Parameters of the query string: the first of a name counts, an empty one is absent.

use std::fmt::Display;
use std::str::FromStr;

use super::failure::Failure;

/// All parameters, decoded.
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Decodes a query string.
    pub fn parse(query: &str) -> Self {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !params.iter().any(|(known, _)| *known == name) {
                params.push((name.into_owned(), value.into_owned()));
            }
        }
        params.retain(|(_, value)| !value.is_empty());
        Self(params)
    }

    /// Sets a parameter; an empty value leaves it absent.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        self.0.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.0.push((name.to_owned(), value));
        }
    }

    /// Sets a parameter; 0 leaves it absent, as in protobuf.
    pub fn set_number(&mut self, name: &str, number: impl Into<u64>) {
        let number = number.into();
        let text = if number == 0 { String::new() } else { number.to_string() };
        self.set(name, text);
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of `name` as a number or whatever else it should be.
    ///
    /// # Errors
    /// 400 `invalid NAME: …`.
    pub fn typed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let describe = |error: T::Err| Failure::bad(format!("invalid {name}: {error}: {value:?}"));
        value.parse().map(Some).map_err(describe)
    }
}

#[cfg(test)]
#[path = "params_tests.rs"]
mod tests;
