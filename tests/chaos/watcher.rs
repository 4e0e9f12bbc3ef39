//! Looks at the target's tags all the time: what is tagged has to be whole.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use steward_core::{Digest, Reference};
use steward_registry::{RegistryError, Repository};
use tokio::task::JoinHandle;

use crate::world::World;

/// How often a sight is looked at again, and the pause before it: Distribution's file system driver
/// writes its links in place, so a reader can meet an empty one while the same blob is written again
/// (distribution/distribution, `registry/storage/driver/filesystem`, `PutContent` in 2.8).
const LOOKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(40);

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Sightings {
    /// Tags whose image was whole.
    pub(crate) whole: usize,
    /// Looks at tags that were not there.
    absent: usize,
    /// Tags whose image was not whole.
    pub(crate) torn: Vec<String>,
}

impl fmt::Display for Sightings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "tags looked at: {} whole, {} not there, {} torn",
            self.whole,
            self.absent,
            self.torn.len()
        )
    }
}

pub(crate) struct Watcher {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Sightings>,
}

/// A tag to look at.
struct Watched {
    at: Repository,
    tag: Reference,
    /// The only digest it may have; none for lists of referrers, which grow.
    digest: Option<Digest>,
}

pub(crate) fn watch(world: &World) -> Watcher {
    let mut watched = Vec::new();
    for item in &world.images {
        let at = world.truth(item);
        let mut tags = vec![(item.tag.clone(), Some(item.image.digest().clone()))];
        let subjects = item
            .referrers
            .iter()
            .filter_map(|referrer| referrer.subject());
        tags.extend(subjects.map(|subject| (subject.referrers_tag(), None)));
        for (tag, digest) in tags {
            watched.push(Watched {
                at: at.clone(),
                tag: tag.parse().unwrap(),
                digest,
            });
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    let task = tokio::spawn(async move {
        let mut sightings = Sightings::default();
        while !stopping.load(Ordering::Relaxed) {
            let next = &watched[fastrand::usize(..watched.len())];
            look(next, &mut sightings).await;
        }
        sightings
    });
    Watcher { stop, task }
}

impl Watcher {
    pub(crate) async fn stop(self) -> Sightings {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

async fn look(watched: &Watched, sightings: &mut Sightings) {
    let mut problem = String::new();
    for _ in 0..LOOKS {
        match is_whole(watched).await {
            Ok(true) => {
                sightings.whole += 1;
                return;
            }
            Ok(false) => {
                sightings.absent += 1;
                return;
            }
            Err(error) => problem = error,
        }
        tokio::time::sleep(PAUSE).await;
    }
    sightings
        .torn
        .push(format!("{}:{}: {problem}", watched.at, watched.tag));
}

/// Whether the tag is there; an error where it is, and its image is not whole.
async fn is_whole(watched: &Watched) -> Result<bool, String> {
    let show = |error: RegistryError| error.to_string();
    let Some(found) = watched.at.find(&watched.tag).await.map_err(show)? else {
        return Ok(false);
    };
    if let Some(expected) = &watched.digest
        && *expected != found.digest
    {
        return Err(format!("is {}", found.digest));
    }
    whole(&watched.at, &found.digest).await?;
    Ok(true)
}

async fn whole(at: &Repository, digest: &Digest) -> Result<(), String> {
    let manifest = at.manifest(&digest.clone().into()).await;
    let manifest = manifest.map_err(|error| error.to_string())?;
    for blob in manifest.blobs() {
        let size = at
            .find_blob(&blob.digest)
            .await
            .map_err(|error| error.to_string())?;
        if size != Some(blob.size) {
            return Err(format!("blob {} is {size:?} bytes", blob.digest));
        }
    }
    for child in manifest.children() {
        Box::pin(whole(at, &child.digest)).await?;
    }
    Ok(())
}
