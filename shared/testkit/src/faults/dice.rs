//! Which fault befalls a request: a pure function of a seed and of the request.

use std::time::Duration;

use http::Method;

/// What a proxy does to one request. A share is a part of a body, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HttpFault {
    /// The request is passed on after a while. It harms nothing.
    Delay(Duration),
    /// The connections end when so much of the request's body is passed on.
    CutRequest(f64),
    /// One bit of the request's body is another on the way.
    CorruptRequest(f64),
    /// The request is carried out, and the connection ends before the reply.
    LoseReply,
    /// The connection ends when so much of the reply's body is passed on.
    CutReply(f64),
    /// The reply's body is that much of itself, and its `Content-Length` says so too.
    TruncateReply(f64),
    /// One bit of the reply's body is another on the way.
    CorruptReply(f64),
    /// 429, with a `Retry-After` of so many seconds or without.
    Throttle(Option<u32>),
    /// 503.
    Unavailable,
    /// 307 to the registry's own address: another origin than the proxy's.
    Redirect,
}

impl HttpFault {
    /// Whether the request has to be made again, in part or as a whole.
    #[must_use]
    pub fn harms(self) -> bool {
        !matches!(self, Self::Delay(_) | Self::Redirect)
    }
}

/// How many requests meet a fault, and which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dice {
    /// The same seed and the same requests meet the same faults.
    pub seed: u64,
    /// The share of requests that meet one, from 0 to 1.
    pub rate: f64,
}

impl Dice {
    /// The fault of the `nth` request (from 0) with this method and path (with its query).
    ///
    /// Nothing here depends on other requests: however they interleave, each meets its own fault.
    #[must_use]
    pub fn throw(&self, method: &Method, path: &str, nth: u32) -> Option<HttpFault> {
        let mut hash = self.seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in key(method, path).bytes().chain(nth.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let mut random = fastrand::Rng::with_seed(hash);
        if random.f64() >= self.rate {
            return None;
        }
        let is_blob = path.contains("/blobs/");
        let share = random.f64();
        let reads = matches!(*method, Method::GET | Method::HEAD);
        let writes = matches!(*method, Method::PUT | Method::PATCH);
        Some(match random.u8(..20) {
            0 | 1 => HttpFault::Delay(Duration::from_millis(random.u64(1..80))),
            2 | 3 => HttpFault::CutRequest(0.0),
            4 | 5 => HttpFault::LoseReply,
            // Rarer than the others: a client slows down for all requests when one is refused so.
            6 => HttpFault::Throttle(random.bool().then(|| random.u32(..2))),
            7 | 8 => HttpFault::Unavailable,
            9 | 10 if reads => HttpFault::Redirect,
            11..=13 if reads => HttpFault::TruncateReply(share),
            14..=16 if reads => HttpFault::CorruptReply(share),
            // Nobody but TLS can tell a manifest that is changed on its way to a tag: what arrives
            // is a manifest too. So only blobs are, whose digest the registry checks.
            9..=12 if writes && is_blob => HttpFault::CorruptRequest(share),
            _ if writes => HttpFault::CutRequest(share),
            _ => HttpFault::CutReply(share),
        })
    }
}

/// What tells the kinds of requests apart: method, path and digests, but not the names of upload
/// sessions, which are others every time.
pub(super) fn key(method: &Method, path_and_query: &str) -> String {
    let (path, query) = path_and_query
        .split_once('?')
        .unwrap_or((path_and_query, ""));
    let path = match path.split_once("/blobs/uploads/") {
        Some((repository, _)) => format!("{repository}/blobs/uploads/"),
        None => path.to_owned(),
    };
    let digests: Vec<&str> = query
        .split('&')
        .filter(|pair| {
            ["digest=", "mount=", "from="]
                .iter()
                .any(|name| pair.starts_with(name))
        })
        .collect();
    format!("{method} {path}?{}", digests.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DICE: Dice = Dice {
        seed: 7,
        rate: 0.25,
    };

    fn thrown(dice: &Dice, path: &str) -> Vec<Option<HttpFault>> {
        (0..400)
            .map(|nth| dice.throw(&Method::GET, path, nth))
            .collect()
    }

    #[test]
    fn the_same_request_meets_the_same_fault_and_another_seed_others() {
        assert_eq!(thrown(&DICE, "a"), thrown(&DICE, "a"));
        assert_ne!(thrown(&DICE, "a"), thrown(&DICE, "b"));
        assert_ne!(thrown(&DICE, "a"), thrown(&Dice { seed: 8, ..DICE }, "a"));
    }

    #[test]
    fn as_many_requests_meet_a_fault_as_the_rate_says() {
        let hit = thrown(&DICE, "a").iter().flatten().count();
        assert!((60..140).contains(&hit), "{hit} of 400");
        assert!(
            thrown(&Dice { rate: 0.0, ..DICE }, "a")
                .iter()
                .all(Option::is_none)
        );
    }

    #[test]
    fn a_manifest_on_its_way_to_a_tag_is_cut_but_never_changed() {
        let faults =
            (0..4000).filter_map(|nth| DICE.throw(&Method::PUT, "/v2/a/manifests/v1", nth));
        assert!(
            !faults
                .into_iter()
                .any(|fault| matches!(fault, HttpFault::CorruptRequest(_)))
        );
    }

    #[test]
    fn a_key_knows_the_blob_and_not_the_session() {
        let put = |session: &str| {
            let path = format!("/v2/team/app/blobs/uploads/{session}?_state=x&digest=sha256%3Aab");
            key(&Method::PUT, &path)
        };
        assert_eq!(put("one"), put("two"));
        assert_eq!(
            put("one"),
            "PUT /v2/team/app/blobs/uploads/?digest=sha256%3Aab"
        );
    }
}
