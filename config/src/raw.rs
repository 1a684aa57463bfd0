//! Reads typed values out of a checked tree.
//!
//! [`crate::build`] names a path and a place in the settings; what the file does not say stays as
//! it is.

use crate::node::{Node, Place};
use crate::value::FromNode;
use crate::warning::ConfigError;

/// What the YAML says, with flags laid over it and aliases resolved: Tempo's keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw {
    tree: Node,
}

impl Raw {
    /// Takes a checked tree.
    #[must_use]
    pub fn new(tree: Node) -> Self {
        Self { tree }
    }

    /// The node at a path, unless there is none or a null.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Node> {
        self.tree.at(path).filter(|node| !node.is_null())
    }

    /// Where the value of a path was given.
    #[must_use]
    pub fn place(&self, path: &str) -> Option<Place> {
        self.at(path).map(|node| node.place.clone())
    }

    /// The value at a path, if the file says one.
    ///
    /// # Errors
    /// Line, key and reason if the value is of another type.
    pub fn get<T: FromNode>(&self, path: &str) -> Result<Option<T>, ConfigError> {
        let Some(node) = self.at(path) else { return Ok(None) };
        T::from_node(node).map(Some).map_err(|why| ConfigError::at(&node.place, path, &why))
    }

    /// Overwrites `field` with the value at a path, if the file says one.
    ///
    /// # Errors
    /// Those of [`Raw::get`].
    pub fn read<T: FromNode>(&self, path: &str, field: &mut T) -> Result<(), ConfigError> {
        if let Some(value) = self.get(path)? {
            *field = value;
        }
        Ok(())
    }

    /// A fatal error about the value at a path.
    #[must_use]
    pub fn error(&self, path: &str, why: &str) -> ConfigError {
        match self.place(path) {
            Some(place) => ConfigError::at(&place, path, why),
            None => ConfigError::Invalid(format!("`{path}`: {why}")),
        }
    }
}
