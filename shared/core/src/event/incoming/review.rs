//! `Image Review`: look at a tag again.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Envelope;
use crate::event::error::EventError;
use crate::event::reader::{Kind, Node, Read};
use crate::{Digest, RepositoryName, Tag};

/// A tag is to be decided about again, because a grace period ends or somebody asks. Its source is
/// always `ecr-steward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// The repository; its account and Region are the envelope's.
    pub repository: RepositoryName,
    /// The tag.
    pub tag: Tag,
    /// The image that the tag meant when the review was asked for; of another image, its own event
    /// comes.
    pub digest: Option<Digest>,
    /// When; now where it is absent.
    pub due: Option<Timestamp>,
    /// When the image was pushed, where the review goes on with a copy of it.
    pub pushed: Option<Timestamp>,
}

impl Review {
    /// The event's `detail-type`.
    pub const DETAIL_TYPE: &str = "Image Review";

    /// The whole event, with the envelope of the one that led to it.
    #[must_use]
    pub fn to_event(&self, cause: &Envelope) -> Value {
        let mut detail = json!({ "repository": self.repository, "tag": self.tag });
        if let Some(detail) = detail.as_object_mut() {
            if let Some(digest) = &self.digest {
                detail.insert("digest".to_owned(), digest.as_str().into());
            }
            if let Some(due) = &self.due {
                detail.insert("due".to_owned(), due.to_string().into());
            }
            if let Some(pushed) = &self.pushed {
                detail.insert("pushed".to_owned(), pushed.to_string().into());
            }
        }
        cause.leads_to(Self::DETAIL_TYPE, detail)
    }
}

impl Read for Review {
    const KIND: Kind = Kind {
        what: "a review",
        expected: "{…}",
    };

    fn read(node: &Node<'_>) -> Result<Self, EventError> {
        Ok(Self {
            repository: node.get("repository")?,
            tag: node.get("tag")?,
            digest: node.find("digest")?,
            due: node.find("due")?,
            pushed: node.find("pushed")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::incoming::{Detail, parse, parse_value};

    #[test]
    fn a_review_is_read_as_it_was_written() {
        let push = r#"{"version":"0","id":"e-1","detail-type":"ECR Image Action","source":"aws.ecr",
            "account":"111122223333","time":"2026-11-23T10:00:00Z","region":"eu-west-1","resources":[],
            "detail":{"result":"SUCCESS","repository-name":"prod/app","action-type":"PUSH"}}"#;
        let push = parse(push).unwrap();
        let review = Review {
            repository: "prod/app".parse().unwrap(),
            tag: "v1".parse().unwrap(),
            digest: Some(format!("sha256:{}", "ab".repeat(32)).parse().unwrap()),
            due: Some("2026-11-23T10:15:00Z".parse().unwrap()),
            pushed: Some(push.envelope.time),
        };
        for review in [
            Review {
                due: None,
                digest: None,
                pushed: None,
                ..review.clone()
            },
            review,
        ] {
            let read = parse_value(&review.to_event(&push.envelope)).unwrap();
            assert_eq!(read.id(), "e-1");
            assert_eq!(read.envelope.time, push.envelope.time);
            assert_eq!(read.repository(), Some(&review.repository));
            assert_eq!(read.tag(), Some(&review.tag));
            assert_eq!(read.digest(), review.digest.as_ref());
            assert_eq!(read.detail, Detail::Review(review));
        }
    }
}
