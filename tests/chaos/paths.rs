//! What the paths of the distribution API say.

use http::Method;

/// A repository, and the digest of a blob in it.
pub(crate) type Blob = (String, String);

/// The blob whose upload a request closes.
pub(crate) fn upload_of(method: &Method, path: &str) -> Option<Blob> {
    let (repository, rest) = path.strip_prefix("/v2/")?.split_once("/blobs/uploads/")?;
    let query = rest.split_once('?').filter(|_| method == Method::PUT)?.1;
    let digest = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("digest="))?;
    Some((repository.to_owned(), digest.replace("%3A", ":")))
}

/// The blob that a request would mount from the repository itself.
pub(crate) fn mount_of(method: &Method, path: &str) -> Option<Blob> {
    let (repository, rest) = path.strip_prefix("/v2/")?.split_once("/blobs/uploads/")?;
    let query = rest.strip_prefix('?').filter(|_| method == Method::POST)?;
    let digest = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("mount="))?;
    Some((repository.to_owned(), digest.replace("%3A", ":")))
}

/// The blob that a request reads.
pub(crate) fn download_of(method: &Method, path: &str) -> Option<Blob> {
    let (repository, digest) = path.strip_prefix("/v2/")?.split_once("/blobs/")?;
    let reads = method == Method::GET && !digest.starts_with("uploads/");
    reads.then(|| (repository.to_owned(), digest.to_owned()))
}
