//! Takes children out of an index without touching anything else of it.
//!
//! The document is not written anew: the bytes of what goes are cut out, with the separator before
//! them. Field order, white space, number formats and fields that nobody here knows stay as they
//! were, so the same index and the same choice give the same bytes and the same digest, whatever
//! version of this code or of its JSON library did it.

use std::ops::Range;

use base64::Engine as _;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Manifest, ManifestFault};

/// What becomes of one child of an index.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// It stays as it is.
    Kept,
    /// It stays, as an index that lost children itself.
    Replaced(Box<Manifest>),
    /// It goes.
    Dropped,
}

#[derive(Deserialize)]
struct Index<'a> {
    #[serde(borrow)]
    manifests: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Child<'a> {
    #[serde(borrow)]
    digest: &'a RawValue,
    #[serde(borrow)]
    size: &'a RawValue,
    /// The child itself, where the index carries it in line.
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

impl Manifest {
    /// The same index with only the children that have a fate other than [`Fate::Dropped`]; `fates`
    /// are in the order of the children. Nothing where no child would stay.
    pub(crate) fn pruned(&self, fates: &[Fate]) -> Result<Option<Self>, ManifestFault> {
        let index: Index<'_> = serde_json::from_slice(&self.bytes).map_err(ManifestFault::Json)?;
        let children: Vec<Range<usize>> = index
            .manifests
            .iter()
            .map(|child| within(&self.bytes, child))
            .collect();
        let (Some(first), Some(last)) = (children.first(), children.last()) else {
            return Ok(None);
        };
        let mut pruned = self.part(0..first.start).to_vec();
        let mut before: Option<usize> = None;
        let mut kept = false;
        for ((child, raw), fate) in children.iter().zip(&index.manifests).zip(fates) {
            let separator = before
                .replace(child.end)
                .map_or(0..0, |end| end..child.start);
            if matches!(fate, Fate::Dropped) {
                continue;
            }
            if kept {
                pruned.extend_from_slice(self.part(separator));
            }
            kept = true;
            match fate {
                Fate::Replaced(by) => pruned.extend_from_slice(&replaced(raw, by)?),
                Fate::Kept | Fate::Dropped => pruned.extend_from_slice(self.part(child.clone())),
            }
        }
        pruned.extend_from_slice(self.part(last.end..self.bytes.len()));
        if !kept {
            return Ok(None);
        }
        Self::parse(Bytes::from(pruned), Some(self.media_type.as_str())).map(Some)
    }

    fn part(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }
}

/// Where a value is within the document that it was read from.
fn within(document: &[u8], value: &RawValue) -> Range<usize> {
    let text = value.get();
    let start = text
        .as_ptr()
        .addr()
        .saturating_sub(document.as_ptr().addr());
    start..start + text.len()
}

/// A child's descriptor that points at another manifest; all its other fields stay.
fn replaced(child: &RawValue, by: &Manifest) -> Result<Vec<u8>, ManifestFault> {
    let text = child.get().as_bytes();
    let fields: Child<'_> = serde_json::from_slice(text).map_err(ManifestFault::Json)?;
    let mut changes = vec![
        (within(text, fields.digest), format!("\"{}\"", by.digest)),
        (within(text, fields.size), by.bytes.len().to_string()),
    ];
    if let Some(data) = fields.data {
        let data_now = base64::engine::general_purpose::STANDARD.encode(&by.bytes);
        changes.push((within(text, data), format!("\"{data_now}\"")));
    }
    changes.sort_by_key(|(range, _)| range.start);
    let mut written = Vec::new();
    let mut at = 0;
    for (range, value) in changes {
        written.extend_from_slice(text.get(at..range.start).unwrap_or_default());
        written.extend_from_slice(value.as_bytes());
        at = range.end;
    }
    written.extend_from_slice(text.get(at..).unwrap_or_default());
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const C: &str = "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

    fn child(digest: &str) -> String {
        // An unknown field, a float and an odd order: none of it may change.
        format!(
            r#"{{ "x-unknown":1.50e1,"size" : 7, "digest":"{digest}",
    "mediaType":"application/vnd.oci.image.index.v1+json","data":"e30=" }}"#
        )
    }

    fn index(children: &[&str]) -> Manifest {
        let text = format!(
            "{{\"x-first\": [1, 2],\n \"manifests\" : [\n   {}\n ],\n \"mediaType\":\"application/vnd.oci.image.index.v1+json\", \
             \"schemaVersion\": 2, \"annotations\":{{\"b\":\"1\",\"a\":\"2\"}}}}\n",
            children
                .iter()
                .map(|digest| child(digest))
                .collect::<Vec<_>>()
                .join(",\n   ")
        );
        Manifest::parse(Bytes::from(text), None).unwrap()
    }

    #[test]
    fn what_stays_is_byte_for_byte_what_it_was() {
        use Fate::{Dropped, Kept};
        let whole = index(&[A, B, C]);
        for (fates, left) in [
            ([Kept, Kept, Kept], vec![A, B, C]),
            ([Kept, Dropped, Kept], vec![A, C]),
            ([Dropped, Kept, Dropped], vec![B]),
            ([Dropped, Dropped, Kept], vec![C]),
            ([Kept, Dropped, Dropped], vec![A]),
        ] {
            let pruned = whole.pruned(&fates).unwrap().unwrap();
            assert_eq!(pruned.bytes(), index(&left).bytes(), "{fates:?}");
            assert_eq!(pruned.digest(), index(&left).digest());
        }
        assert!(
            whole
                .pruned(&[Dropped, Dropped, Dropped])
                .unwrap()
                .is_none()
        );
        assert!(index(&[]).pruned(&[]).unwrap().is_none());
    }

    #[test]
    fn a_replaced_child_changes_in_three_fields_only() {
        let inner = index(&[C]);
        let pruned = index(&[A, B])
            .pruned(&[Fate::Kept, Fate::Replaced(Box::new(inner.clone()))])
            .unwrap()
            .unwrap();
        let data = base64::engine::general_purpose::STANDARD.encode(inner.bytes());
        let expected = String::from_utf8(index(&[A, B]).bytes().to_vec())
            .unwrap()
            .replacen(
                &child(B),
                &child(B)
                    .replace(B, inner.digest().as_str())
                    .replace(
                        "\"size\" : 7",
                        &format!("\"size\" : {}", inner.bytes().len()),
                    )
                    .replace("e30=", &data),
                1,
            );
        assert_eq!(pruned.bytes(), expected.as_bytes());
        assert_eq!(pruned.children()[1].digest, *inner.digest());
    }
}
