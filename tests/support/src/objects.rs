//! S3 buckets in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use automation::{
    event::ObjectCreated,
    objects::{ListedObject, Object, ObjectHead, ObjectPage, Objects, OpenError},
};
use jiff::Timestamp;
use worker::{CallError, CallErrorKind};

use crate::{
    Shared,
    stack::{CONFIG_BUCKET, CONFIG_KEY},
};

/// Maximum number of objects of one `ListObjectsV2` (API reference).
const MAX_PAGE: usize = 1000;

/// One version of an object.
#[derive(Debug, Clone, Default)]
pub struct StoredObject {
    pub version_id: Option<String>,
    pub etag: String,
    pub last_modified: Option<Timestamp>,
    pub metadata: HashMap<String, String>,
    pub bytes: Vec<u8>,
    /// The size that the response announces, if it is not the number of bytes.
    pub announced_size: Option<Option<u64>>,
    pub kms_key: Option<String>,
}

/// S3 buckets.
#[derive(Debug, Clone, Default)]
pub struct MemoryObjects {
    /// Versions by bucket and key, oldest first.
    pub objects: Shared<BTreeMap<(String, String), Vec<StoredObject>>>,
    /// Version ids that are listed, but were deleted since.
    pub deleted_since: Shared<BTreeSet<String>>,
    /// How many times objects were opened.
    pub opened: Shared<usize>,
    /// Why archives cannot be opened.
    pub open_failure: Shared<Option<(CallErrorKind, &'static str)>>,
    /// The error of every look-up of an object without opening it.
    pub head_failure: Shared<Option<CallErrorKind>>,
    /// The errors of look-ups, by key.
    pub failing_keys: Shared<BTreeMap<String, CallErrorKind>>,
    /// The error of every list of objects.
    pub list_failure: Shared<Option<CallErrorKind>>,
}

impl MemoryObjects {
    /// An independent copy.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            objects: self.objects.fork(),
            opened: self.opened.fork(),
            deleted_since: self.deleted_since.fork(),
            open_failure: self.open_failure.fork(),
            head_failure: self.head_failure.fork(),
            failing_keys: self.failing_keys.fork(),
            list_failure: self.list_failure.fork(),
        }
    }

    /// Changes every version of every object.
    pub fn change_versions(&self, change: impl FnMut(&mut StoredObject)) {
        self.objects.lock().values_mut().flatten().for_each(change);
    }

    /// Uploads a version of an object, whose entity tag is the version.
    pub fn put_text(&self, bucket: &str, key: &str, version: &str, text: &str) {
        let object = StoredObject {
            version_id: Some(version.to_owned()),
            etag: version.to_owned(),
            bytes: text.as_bytes().to_vec(),
            ..StoredObject::default()
        };
        self.put_version(bucket, key, object);
    }

    /// Uploads a version of the configuration.
    pub fn put_config(&self, version: &str, text: &str) {
        self.put_text(CONFIG_BUCKET, CONFIG_KEY, version, text);
    }

    pub fn put_version(&self, bucket: &str, key: &str, object: StoredObject) {
        self.objects.lock().entry((bucket.to_owned(), key.to_owned())).or_default().push(object);
    }
}

impl Objects for MemoryObjects {
    async fn open_object(&self, object: &ObjectCreated) -> Result<Object, OpenError> {
        *self.opened.lock() += 1;
        if object.key.ends_with(".tar.gz")
            && let Some((kind, message)) = *self.open_failure.lock()
        {
            return Err(CallError::new("GetObject", kind, message).into());
        }
        let objects = self.objects.lock();
        let versions = objects.get(&(object.bucket.clone(), object.key.clone())).ok_or(OpenError::Gone)?;
        let found = match &object.version_id {
            Some(version) => versions.iter().find(|stored| stored.version_id.as_ref() == Some(version)),
            None => versions.last(),
        };
        let deleted = self.deleted_since.lock();
        let is_deleted = |stored: &&StoredObject| stored.version_id.as_ref().is_some_and(|id| deleted.contains(id));
        let found = found.filter(|stored| !is_deleted(stored)).ok_or(OpenError::Gone)?.clone();
        if object.version_id.is_none() && object.etag.as_ref().is_some_and(|etag| *etag != found.etag) {
            return Err(OpenError::Overwritten);
        }
        Ok(Object {
            version_id: found.version_id,
            etag: found.etag,
            size: found.announced_size.unwrap_or(Some(found.bytes.len() as u64)),
            last_modified: found.last_modified,
            metadata: found.metadata,
            body: Box::pin(std::io::Cursor::new(found.bytes)),
        })
    }

    async fn find_object(&self, bucket: &str, key: &str) -> Result<Option<ObjectHead>, CallError> {
        if let Some(kind) = *self.head_failure.lock() {
            return Err(CallError::new("HeadObject", kind, "S3 does not show the object"));
        }
        if let Some(kind) = self.failing_keys.lock().get(key) {
            return Err(CallError::new("HeadObject", *kind, "S3 does not show the object"));
        }
        let objects = self.objects.lock();
        let stored = objects.get(&(bucket.to_owned(), key.to_owned())).and_then(|versions| versions.last());
        Ok(stored.map(|stored| ObjectHead {
            version_id: stored.version_id.clone(),
            etag: stored.etag.clone(),
            size: stored.bytes.len() as u64,
            last_modified: stored.last_modified,
            kms_key: stored.kms_key.clone(),
        }))
    }

    async fn list_objects(&self, bucket: &str, prefix: &str, after: Option<&str>) -> Result<ObjectPage, CallError> {
        if let Some(kind) = *self.list_failure.lock() {
            return Err(CallError::new("ListObjectsV2", kind, "S3 does not list the bucket"));
        }
        let objects = self.objects.lock();
        let newest = objects.iter().filter_map(|((in_bucket, key), versions)| {
            let is_listed = in_bucket == bucket && key.starts_with(prefix) && after.is_none_or(|after| **key > *after);
            let stored = versions.last().filter(|_| is_listed)?;
            Some(ListedObject {
                key: key.clone(),
                etag: stored.etag.clone(),
                size: stored.bytes.len() as u64,
                last_modified: stored.last_modified.unwrap_or_default(),
            })
        });
        let mut objects: Vec<_> = newest.take(MAX_PAGE + 1).collect();
        let has_more = objects.len() > MAX_PAGE;
        objects.truncate(MAX_PAGE);
        Ok(ObjectPage { objects, has_more })
    }

    async fn list_versions(&self, bucket: &str, key: &str) -> Result<Vec<String>, CallError> {
        let objects = self.objects.lock();
        let versions = objects.get(&(bucket.to_owned(), key.to_owned())).into_iter().flatten().rev();
        Ok(versions.filter_map(|stored| stored.version_id.clone()).collect())
    }

    async fn write_object(&self, bucket: &str, key: &str, _: &str, bytes: Vec<u8>) -> Result<(), CallError> {
        self.put_version(bucket, key, StoredObject { bytes, ..StoredObject::default() });
        Ok(())
    }
}
