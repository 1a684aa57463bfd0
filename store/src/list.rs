//! Listings.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use crate::client::{Failure, Inner, Store};

/// A listing of a tenant's objects with all its pages and tries.
const LIST_MAX: Duration = Duration::from_secs(600);

/// An object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key, below what was listed.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written, nanoseconds since the Unix epoch.
    pub modified_unix_nanos: u64,
}

impl Store {
    /// Names directly below `directory` (all, if empty) that have something below them.
    ///
    /// # Errors
    /// From the store.
    pub async fn list_names(&self, directory: &str) -> io::Result<Vec<String>> {
        let (store, path) = (self.clone(), self.directory(directory)?);
        self.run(format!("list names in {directory:?}"), LIST_MAX, async move {
            let Inner { client, .. } = &*store.inner;
            let list = || async { Ok(client.list_with_delimiter(path.as_ref()).await?) };
            let listed = store.inner.ask(list).await?;
            let names = listed.common_prefixes.iter().filter_map(|prefix| prefix.filename());
            Ok(names.map(str::to_owned).collect())
        })
        .await
    }

    /// Objects below `directory` that `wanted` says, in order of their names. The keys between each
    /// two of `borders` are listed at the same time as others; names must lie behind the first.
    ///
    /// # Errors
    /// From the store.
    pub async fn list(
        &self,
        directory: &str,
        borders: &[&str],
        wanted: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> io::Result<Vec<Listed>> {
        let path = self.path(directory)?;
        let borders: Vec<String> = borders.iter().map(|border| (*border).to_owned()).collect();
        let (store, wanted) = (self.clone(), Arc::new(wanted));
        self.run(format!("list {directory:?}"), LIST_MAX, async move {
            let ends = borders.iter().skip(1).map(|end| Some(end.clone())).chain([None]);
            let starts = borders.iter().cloned().map(Some);
            let mut ranges: Vec<_> = starts.zip(ends).collect();
            if ranges.is_empty() {
                ranges.push((None, None));
            }
            let at_once = store.inner.listings_at_once;
            let parts = ranges.into_iter().map(|(start, end)| {
                let range = KeyRange { directory: path.clone(), start, end };
                let (store, wanted) = (store.clone(), Arc::clone(&wanted));
                async move {
                    let list = || list_range(&*store.inner.client, range.clone(), &*wanted);
                    store.inner.ask(list).await
                }
            });
            let parts: Vec<Vec<Listed>> =
                stream::iter(parts).buffered(at_once).try_collect().await?;
            Ok(parts.into_iter().flatten().collect())
        })
        .await
    }

    fn directory(&self, directory: &str) -> io::Result<Option<Path>> {
        if directory.is_empty() && self.inner.prefix.is_empty() {
            return Ok(None);
        }
        self.path(directory).map(Some)
    }
}

#[derive(Clone)]
struct KeyRange {
    directory: Path,
    start: Option<String>,
    end: Option<String>,
}

async fn list_range(
    client: &dyn ObjectStore,
    range: KeyRange,
    wanted: &(impl Fn(&str) -> bool + ?Sized),
) -> Result<Vec<Listed>, Failure> {
    let KeyRange { directory, start, end } = range;
    let mut objects = match &start {
        None => client.list(Some(&directory)),
        Some(start) => {
            let offset = Path::parse(format!("{directory}/{start}"));
            let offset = offset.map_err(object_store::Error::from)?;
            client.list_with_offset(Some(&directory), &offset)
        }
    };
    let mut listed = Vec::new();
    while let Some(object) = objects.next().await {
        let object = object?;
        let Some(name) = name_below(&object, &directory) else { continue };
        if end.as_deref().is_some_and(|end| name > end) {
            break;
        }
        if wanted(name) {
            let nanos = object.last_modified.timestamp_nanos_opt().unwrap_or(0);
            let modified_unix_nanos = u64::try_from(nanos).unwrap_or(0);
            listed.push(Listed { name: name.to_owned(), size: object.size, modified_unix_nanos });
        }
    }
    Ok(listed)
}

fn name_below<'a>(object: &'a ObjectMeta, directory: &Path) -> Option<&'a str> {
    object.location.as_ref().strip_prefix(directory.as_ref())?.strip_prefix('/')
}
