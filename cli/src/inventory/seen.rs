//! What an inventory has named already.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use super::entry::Entry;
use super::reader::InventoryError;

/// Where in an inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// A line, from 1.
    Line(u64),
    /// An image of a document that has no lines, from 1.
    Image(u64),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Image(image) => write!(f, "image {image}"),
        }
    }
}

/// The images and tags so far, each as a hash of its name: 100,000 take a few megabytes. Among a
/// million names, two share a hash once in 37 million inventories.
#[derive(Debug, Default)]
pub(super) struct Seen {
    hasher: RandomState,
    places: HashMap<u64, At>,
    images: u64,
}

impl Seen {
    /// The number that the next image has.
    pub(super) fn next(&self) -> u64 {
        self.images + 1
    }

    /// Gives an image back that is new, with tags that are new; names what is not.
    pub(super) fn once(&mut self, entry: Entry, place: At) -> Result<Entry, InventoryError> {
        self.images += 1;
        let Entry {
            registry,
            repository,
            digest,
            tags,
            ..
        } = &entry;
        let home = registry
            .as_ref()
            .map(|home| (home.account.as_str(), home.region.as_str()));
        let mut added = Vec::with_capacity(tags.len() + 1);
        let names = std::iter::once(('@', digest.as_str()));
        for (kind, name) in names.chain(tags.iter().map(|tag| (':', tag.as_str()))) {
            let hash = self
                .hasher
                .hash_one((home, repository.as_str(), kind, name));
            let first = match self.places.entry(hash) {
                Slot::Vacant(slot) => {
                    slot.insert(place);
                    added.push(hash);
                    continue;
                }
                Slot::Occupied(slot) => *slot.get(),
            };
            // The image is left out, and so are its names.
            for hash in added {
                self.places.remove(&hash);
            }
            return Err(InventoryError::Twice {
                place,
                what: format!("{repository}{kind}{name}"),
                first,
            });
        }
        Ok(entry)
    }
}
