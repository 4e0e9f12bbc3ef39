/// How the fake registry wants to be shown who asks.
#[derive(Clone, Debug, Default)]
pub(crate) enum Access {
    #[default]
    Open,
    /// `user:password`.
    Basic(String),
    /// A token service, here or at `realm`; it takes `user:password` where there is one.
    Bearer {
        pair: Option<String>,
        realm: Option<String>,
        /// Each token is good for so many requests.
        uses: u32,
        /// The refresh token that the service takes.
        refresh: Option<String>,
    },
    /// A token service as one of the makers runs it.
    Service(Box<super::TokenService>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mounts {
    /// As Distribution does: 201 where the named repository has the blob.
    #[default]
    Work,
    /// Always 202.
    Refused,
    /// 403 for a mount from another repository.
    Denied,
}

/// What a fault does.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Answers with a status, headers and `CODE` or `CODE: message`.
    Status(u16, Vec<(&'static str, String)>, &'static str),
    /// Cuts the connection after so many bytes of the request's body.
    CutRequest(u64),
    /// Takes so many bytes of the request's body, and then no more, for ever.
    HangRequest(u64),
    /// Cuts the connection after so many bytes of the reply's body.
    CutReply(u64),
    /// Does what was asked, and cuts the connection before the reply.
    LoseReply,
    /// Redirects (307) to an address.
    Redirect(String),
    /// Sends these bytes instead.
    Bytes(Vec<u8>),
    /// Answers as usual, with this header as well.
    Header(&'static str, &'static str),
    /// Sends a body without end.
    Endless,
}

/// Something that happens to the next `times` requests that match, once `spared` of them went well.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) spared: u32,
    pub(crate) times: u32,
    pub(crate) what: What,
}

impl Fault {
    pub(crate) fn new(method: &'static str, path: &str, times: u32, what: What) -> Self {
        Self {
            method,
            path: path.to_owned(),
            spared: 0,
            times,
            what,
        }
    }

    pub(crate) fn sparing(mut self, requests: u32) -> Self {
        self.spared = requests;
        self
    }
}

/// A bound on how many requests of a kind are served in any one second.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) per_second: usize,
    /// What a refusal asks for.
    pub(crate) retry_after: Option<String>,
    pub(crate) served: Vec<std::time::Instant>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Quirks {
    pub(crate) throttle: Option<Throttle>,
    /// Every answer takes this much longer.
    pub(crate) delay: std::time::Duration,
    pub(crate) access: Access,
    pub(crate) mounts: Mounts,
    pub(crate) faults: Vec<Fault>,
    /// Upload locations are relative.
    pub(crate) relative_location: bool,
    /// Upload locations carry a query.
    pub(crate) location_query: Option<String>,
    /// Upload locations lead to this origin.
    pub(crate) location_origin: Option<String>,
    /// Blobs are served from this origin.
    pub(crate) blob_origin: Option<String>,
    /// Blobs are served from a path below this one, on the registry itself.
    pub(crate) blob_path: Option<&'static str>,
    pub(crate) no_digest_header: bool,
    pub(crate) wrong_digest_header: bool,
    pub(crate) immutable: bool,
    /// As ECR: 201 for a `PATCH`, a `Range` that sticks, no status of uploads.
    pub(crate) ecr: bool,
    pub(crate) referrers_api: bool,
    /// No `OCI-Subject`, although there is a referrers API.
    pub(crate) silent_subject: bool,
    pub(crate) ignores_range: bool,
    /// Repositories exist only once created.
    pub(crate) must_create: bool,
    /// Refuses a blob in one piece.
    pub(crate) parts_only: bool,
    /// What was received of a cut upload is lost.
    pub(crate) forgets_uploads: bool,
    /// `Link` headers of listings.
    pub(crate) link: Option<String>,
}
