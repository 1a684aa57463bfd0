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
