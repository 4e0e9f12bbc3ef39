//! Children of an index that go the way of a sibling.

use std::collections::HashMap;

use crate::manifest::{Descriptor, Fate};

/// Where `BuildKit` writes which image an attestation is about.
const ATTESTED: &str = "vnd.docker.reference.digest";

/// What each child without a platform is about, as its place among the children.
pub(super) struct Companions<'a> {
    places: HashMap<&'a str, usize>,
}

/// What a child hangs on.
#[derive(Clone, Copy)]
pub(super) enum Hangs {
    /// On a sibling.
    On(usize),
    /// On an image that is not there.
    OnNothing,
}

impl<'a> Companions<'a> {
    pub(super) fn of(children: &'a [Descriptor]) -> Self {
        let places = children.iter().enumerate();
        Self {
            places: places.map(|(n, c)| (c.digest.as_str(), n)).collect(),
        }
    }

    pub(super) fn hangs(&self, child: &Descriptor) -> Option<Hangs> {
        let place = |digest: &String| {
            let own = digest == child.digest.as_str();
            self.places.get(digest.as_str()).filter(|_| !own).copied()
        };
        match child.annotations.get(ATTESTED) {
            Some(attested) => Some(place(attested).map_or(Hangs::OnNothing, Hangs::On)),
            None => child.annotations.values().find_map(place).map(Hangs::On),
        }
    }
}

/// Lets every child whose fate is open go the way of the sibling it hangs on.
pub(super) fn settle(open: &[Open]) -> Vec<Fate> {
    let follow = |start: usize| {
        let mut at = start;
        // A chain is no longer than there are children; a circle hangs on no image.
        for _ in 0..open.len() {
            match open.get(at) {
                Some(Open::Settled(Fate::Dropped)) | None => return Fate::Dropped,
                Some(Open::Settled(fate)) if at == start => return fate.clone(),
                Some(Open::Settled(_)) => return Fate::Kept,
                Some(Open::Hangs(Hangs::On(next))) => at = *next,
                Some(Open::Hangs(Hangs::OnNothing)) => return Fate::Dropped,
            }
        }
        Fate::Dropped
    };
    (0..open.len()).map(follow).collect()
}

/// What is known about a child's fate before its siblings are looked at.
pub(super) enum Open {
    Settled(Fate),
    Hangs(Hangs),
}
