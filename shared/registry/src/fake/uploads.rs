use http::Method;

use super::answer::{Asked, Plain};
use super::{Mounts, State, digest};

impl State {
    pub(super) fn uploads(&mut self, asked: &Asked, name: &str, id: &str) -> Plain {
        match asked.method {
            Method::POST => self.open_upload(asked, name),
            Method::GET if self.quirks.ecr => {
                Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "no status here")
            }
            Method::GET => match self.store.uploads.get(id) {
                Some(upload) => {
                    let last = upload.len().saturating_sub(1);
                    Plain::new(204)
                        .header("location", self.location(name, id))
                        .header("range", format!("0-{last}"))
                }
                None => Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "unknown upload"),
            },
            Method::PATCH => {
                let has = self.store.uploads.get(id).map_or(0, Vec::len);
                let range = asked.header("content-range").unwrap_or_default();
                if !range.starts_with(&format!("{has}-")) {
                    return Plain::error(416, "BLOB_UPLOAD_INVALID", "wrong first byte");
                }
                let Some(upload) = self.store.uploads.get_mut(id) else {
                    return Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "unknown upload");
                };
                upload.extend_from_slice(&asked.body);
                let status = if self.quirks.ecr { 201 } else { 202 };
                let last = if self.quirks.ecr { 0 } else { upload.len() - 1 };
                Plain::new(status)
                    .header("location", self.location(name, id))
                    .header("range", format!("0-{last}"))
            }
            Method::PUT => self.close_upload(asked, name, id),
            _ => Plain::error(405, "UNSUPPORTED", "not here"),
        }
    }

    fn open_upload(&mut self, asked: &Asked, name: &str) -> Plain {
        if let (Some(digest), Some(from)) = (asked.query("mount"), asked.query("from")) {
            match self.quirks.mounts {
                Mounts::Denied if from != name => {
                    return Plain::error(403, "DENIED", "not yours");
                }
                Mounts::Work if self.store.has_blob(from, digest) => {
                    let bytes = self.store.blobs[digest].clone();
                    self.store.add_blob(name, digest, bytes);
                    return Plain::new(201).header("docker-content-digest", digest);
                }
                _ => {}
            }
        }
        self.store.next_upload += 1;
        let id = format!("upload-{}", self.store.next_upload);
        self.store.uploads.insert(id.clone(), Vec::new());
        Plain::new(202).header("location", self.location(name, &id))
    }

    fn close_upload(&mut self, asked: &Asked, name: &str, id: &str) -> Plain {
        if let Some(wanted) = &self.quirks.location_query {
            let (key, value) = wanted.split_once('=').unwrap();
            if asked.query(key).map(|v| v == value) != Some(true) {
                return Plain::error(400, "BLOB_UPLOAD_INVALID", "the query is gone");
            }
        }
        if self.quirks.parts_only && !asked.body.is_empty() {
            return Plain::error(413, "SIZE_INVALID", "too large");
        }
        let Some(mut upload) = self.store.uploads.remove(id) else {
            return Plain::error(404, "BLOB_UPLOAD_UNKNOWN", "unknown upload");
        };
        let start: usize = asked
            .header("content-range")
            .and_then(|range| range.split('-').next())
            .and_then(|start| start.parse().ok())
            .unwrap_or(0);
        if start != upload.len() {
            return Plain::error(416, "BLOB_UPLOAD_INVALID", "wrong first byte");
        }
        upload.extend_from_slice(&asked.body);
        let wanted = asked.query("digest").unwrap_or_default().to_owned();
        if digest(&upload) != wanted {
            return Plain::error(400, "DIGEST_INVALID", "other bytes");
        }
        self.store.add_blob(name, &wanted, upload);
        Plain::new(201).header("docker-content-digest", wanted)
    }

    fn location(&self, name: &str, id: &str) -> String {
        let query = self
            .quirks
            .location_query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let path = format!("/v2/{name}/blobs/uploads/{id}{query}");
        match &self.quirks.location_origin {
            Some(origin) => format!("{origin}{path}"),
            None if self.quirks.relative_location => path,
            None => format!("http://{}{path}", self.address),
        }
    }
}
