//! What is written with each object, in the client's words.

use std::borrow::Cow;

use object_store::{Attribute, Attributes, PutMultipartOptions, PutOptions, TagSet};

use crate::settings;

#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    tags: TagSet,
    attributes: Attributes,
}

impl Labels {
    pub(crate) fn new(settings: &settings::Labels) -> Self {
        let mut tags = TagSet::default();
        settings.tags.iter().for_each(|(key, value)| tags.push(key, value));
        let mut attributes = Attributes::new();
        for (key, value) in &settings.metadata {
            attributes.insert(Attribute::Metadata(Cow::Owned(key.clone())), value.clone().into());
        }
        if let Some(class) = &settings.storage_class {
            attributes.insert(Attribute::StorageClass, class.clone().into());
        }
        if let Some(control) = &settings.cache_control {
            attributes.insert(Attribute::CacheControl, control.clone().into());
        }
        Self { tags, attributes }
    }

    pub(crate) fn put(&self) -> PutOptions {
        let (tags, attributes) = (self.tags.clone(), self.attributes.clone());
        PutOptions { tags, attributes, ..PutOptions::default() }
    }

    pub(crate) fn put_multipart(&self) -> PutMultipartOptions {
        let (tags, attributes) = (self.tags.clone(), self.attributes.clone());
        PutMultipartOptions { tags, attributes, ..PutMultipartOptions::default() }
    }
}
