use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use steward_core::Digest;

use super::content::{self, Chunks, Content};

/// A blob: a config, a layer, or an artifact's content.
#[derive(Clone, Debug)]
pub struct Blob {
    media_type: String,
    digest: Digest,
    size: u64,
    content: Content,
}

impl Blob {
    pub(super) fn new(media_type: impl Into<String>, content: Content) -> Self {
        let (size, digest) = content.measure();
        Self {
            media_type: media_type.into(),
            digest,
            size,
            content,
        }
    }

    /// The media type that the manifest gives it.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its content, made while it is read.
    pub fn open(&self) -> impl std::io::Read + Send + use<> {
        self.content.open()
    }

    pub(super) fn chunks(&self) -> Chunks {
        self.content.chunks()
    }

    pub(super) fn descriptor(&self) -> serde_json::Value {
        serde_json::json!({
            "mediaType": self.media_type, "digest": self.digest, "size": self.size,
        })
    }
}

/// A layer to be put into an image.
#[derive(Clone, Debug)]
pub struct Layer {
    /// None: that of an image layer, in the image's format.
    pub(super) media_type: Option<String>,
    pub(super) content: Content,
    /// The digest of the uncompressed tar, which the config lists.
    pub(super) diff_id: Digest,
}

impl Layer {
    /// A tar+gzip of one text file.
    #[must_use]
    pub fn file(path: &str, text: &str) -> Self {
        Self::files([(path, text)])
    }

    /// A tar+gzip of text files.
    #[must_use]
    pub fn files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        use std::io::Write as _;

        let mut archive = tar::Builder::new(Vec::new());
        for (path, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            // Into memory: nothing that could fail but the path, and a wrong one is left out.
            let _ = archive.append_data(&mut header, path, text.as_bytes());
        }
        let tar = archive.into_inner().unwrap_or_default();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        let _ = gzip.write_all(&tar);
        let gzip = gzip.finish().unwrap_or_default();
        Self {
            media_type: None,
            diff_id: content::digest(&tar),
            content: Content::Bytes(gzip.into()),
        }
    }

    /// A tar+gzip of one file with `size` pseudo-random bytes, which do not compress: the blob is
    /// about as large, and is made while it is read.
    #[must_use]
    pub fn random(seed: u64, size: u64) -> Self {
        let (_, diff_id) = Content::Tar { seed, size }.measure();
        Self {
            media_type: None,
            diff_id,
            content: Content::TarGzip { seed, size },
        }
    }

    /// A blob of exactly `size` pseudo-random bytes that is no archive, made while it is read. For
    /// sizes that matter to the byte; clients that look into layers do not like it.
    #[must_use]
    pub fn random_blob(media_type: &str, seed: u64, size: u64) -> Self {
        Self::exact(media_type, Content::Random { seed, size })
    }

    /// A blob of exactly these bytes.
    #[must_use]
    pub fn raw(media_type: &str, bytes: impl Into<Bytes>) -> Self {
        Self::exact(media_type, Content::Bytes(bytes.into()))
    }

    /// A blob without content.
    #[must_use]
    pub fn empty() -> Self {
        Self::raw("application/octet-stream", "")
    }

    fn exact(media_type: &str, content: Content) -> Self {
        let (_, diff_id) = content.measure();
        Self {
            media_type: Some(media_type.to_owned()),
            content,
            diff_id,
        }
    }
}
