//! Paths of the registry protocol (OCI distribution specification, "Endpoints").

use percent_encoding::percent_decode_str;

/// What a path under `/v2/` names. Names and references are as they came: the handlers check them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`: does this registry speak the protocol?
    Ping,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags { name: String },
    /// `/v2/<name>/manifests/<reference>`
    Manifest { name: String, reference: String },
    /// `/v2/<name>/referrers/<digest>`
    Referrers { name: String, digest: String },
    /// `/v2/<name>/blobs/<digest>`
    Blob { name: String, digest: String },
    /// `/v2/<name>/blobs/uploads/`
    Uploads { name: String },
    /// `/v2/<name>/blobs/uploads/<session>`
    Upload { name: String, session: String },
}

impl Route {
    /// Reads the path of a request; `None` where the protocol has no such path.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let path = percent_decode_str(path).decode_utf8().ok()?;
        let rest = match path.strip_prefix("/v2")? {
            "" | "/" => return Some(Self::Ping),
            "/_catalog" => return Some(Self::Catalog),
            rest => rest.strip_prefix('/')?,
        };
        // From the end, so that a repository may itself be called `blobs` or `tags`.
        let segments: Vec<&str> = rest.split('/').collect();
        let last = segments.last().copied().unwrap_or_default().to_owned();
        let (name, route): (&[&str], Tail) = match segments.as_slice() {
            [name @ .., "tags", "list"] => (name, Tail::Tags),
            [name @ .., "blobs", "uploads"] | [name @ .., "blobs", "uploads", ""] => {
                (name, Tail::Uploads)
            }
            [name @ .., "blobs", "uploads", _] => (name, Tail::Upload),
            [name @ .., "blobs", _] => (name, Tail::Blob),
            [name @ .., "manifests", _] => (name, Tail::Manifest),
            [name @ .., "referrers", _] => (name, Tail::Referrers),
            _ => return None,
        };
        if name.is_empty() {
            return None;
        }
        let name = name.join("/");
        Some(match route {
            Tail::Tags => Self::Tags { name },
            Tail::Uploads => Self::Uploads { name },
            Tail::Upload => Self::Upload {
                name,
                session: last,
            },
            Tail::Blob => Self::Blob { name, digest: last },
            Tail::Manifest => Self::Manifest {
                name,
                reference: last,
            },
            Tail::Referrers => Self::Referrers { name, digest: last },
        })
    }
}

/// What stands behind a repository's name.
enum Tail {
    Tags,
    Uploads,
    Upload,
    Blob,
    Manifest,
    Referrers,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> String {
        "prod/app".into()
    }

    #[test]
    fn every_endpoint_is_told_apart() {
        let digest = "sha256:aa";
        let cases = [
            ("/v2", Route::Ping),
            ("/v2/", Route::Ping),
            ("/v2/_catalog", Route::Catalog),
            ("/v2/prod/app/tags/list", Route::Tags { name: name() }),
            (
                "/v2/prod/app/manifests/v1",
                Route::Manifest {
                    name: name(),
                    reference: "v1".into(),
                },
            ),
            (
                "/v2/prod/app/manifests/sha256%3Aaa",
                Route::Manifest {
                    name: name(),
                    reference: digest.into(),
                },
            ),
            (
                "/v2/prod/app/referrers/sha256:aa",
                Route::Referrers {
                    name: name(),
                    digest: digest.into(),
                },
            ),
            (
                "/v2/prod/app/blobs/sha256:aa",
                Route::Blob {
                    name: name(),
                    digest: digest.into(),
                },
            ),
            (
                "/v2/prod/app/blobs/uploads/",
                Route::Uploads { name: name() },
            ),
            (
                "/v2/prod/app/blobs/uploads",
                Route::Uploads { name: name() },
            ),
            (
                "/v2/prod/app/blobs/uploads/1-2",
                Route::Upload {
                    name: name(),
                    session: "1-2".into(),
                },
            ),
            (
                "/v2/team/tags/manifests/list",
                Route::Manifest {
                    name: "team/tags".into(),
                    reference: "list".into(),
                },
            ),
        ];
        for (path, route) in cases {
            assert_eq!(Route::parse(path), Some(route), "{path}");
        }
    }

    #[test]
    fn other_paths_are_none() {
        for path in [
            "/",
            "/v1/",
            "/v2x",
            "/v2/app",
            "/v2/manifests/v1",
            "/v2/%ff/tags/list",
        ] {
            assert_eq!(Route::parse(path), None, "{path}");
        }
    }
}
