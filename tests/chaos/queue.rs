//! The queue: at least once, in no order, and its readers may die.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use steward_registry::{Batch, Client, CopyOptions, copy};

use crate::images::Item;
use crate::world::World;

/// Copies at once.
const READERS: usize = 10;
/// How often a message is received before it is left for the calm.
const RECEIVES: u32 = 8;

/// How a copy is made, and how it is disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    InProcess,
    /// The copy is dropped after a while.
    Dropped(Duration),
    /// A process copies, and is killed after a while.
    Killed(Duration),
}

#[derive(Clone, Copy, Debug)]
struct Message {
    item: usize,
    receives: u32,
    way: Way,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Copied,
    Dropped,
    Killed,
    Failed(String),
}

/// One try to copy an image.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) item: usize,
    pub(crate) began: Instant,
    pub(crate) end: End,
}

#[derive(Debug, Default)]
pub(crate) struct Runs(pub(crate) Vec<Run>);

impl Runs {
    pub(crate) fn killed(&self) -> usize {
        self.0.iter().filter(|run| run.end == End::Killed).count()
    }
}

/// Delivers every image, a third of them twice, until each was copied or received too often. Each
/// reader has a client of its own, as each of a function's environments has.
pub(crate) async fn deliver(world: &World, seed: u64) -> Runs {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut messages: Vec<Message> = (0..world.images.len())
        .chain((0..world.images.len()).filter(|item| item % 3 == 0))
        .map(|item| Message {
            item,
            receives: 0,
            way: match random.u8(..20) {
                0 | 1 => Way::Killed(Duration::from_millis(random.u64(20..250))),
                2..=4 => Way::Dropped(Duration::from_millis(random.u64(5..250))),
                _ => Way::InProcess,
            },
        })
        .collect();
    random.shuffle(&mut messages);
    let queue = Mutex::new((messages, random));
    let batch = Batch::new(24, 10_000);
    let readers = (0..READERS).map(|_| async {
        let client = World::client();
        let mut runs = Vec::new();
        loop {
            let Some(message) = queue.lock().unwrap().0.pop() else {
                return runs;
            };
            let run = receive(world, &client, message, &batch).await;
            if run.end != End::Copied && message.receives < RECEIVES {
                let mut queue = queue.lock().unwrap();
                let (messages, random) = &mut *queue;
                let at = random.usize(..=messages.len());
                let again = Message {
                    receives: message.receives + 1,
                    way: Way::InProcess,
                    ..message
                };
                messages.insert(at, again);
            }
            runs.push(run);
        }
    });
    let runs: Vec<Vec<Run>> = stream::iter(readers)
        .buffer_unordered(READERS)
        .collect()
        .await;
    Runs(runs.into_iter().flatten().collect())
}

/// Copies every image once more; none may fail.
pub(crate) async fn once_more(world: &World) -> Runs {
    let client = &World::client();
    let copies = (0..world.images.len()).map(|item| async move {
        let began = Instant::now();
        let outcome = copy(&world.request(client, &world.images[item]), &options(None)).await;
        let outcome =
            outcome.unwrap_or_else(|error| panic!("{:?}: {error:?}", world.images[item].tag));
        assert!(outcome.report().is_some(), "{outcome:?}");
        Run {
            item,
            began,
            end: End::Copied,
        }
    });
    Runs(
        stream::iter(copies)
            .buffer_unordered(READERS)
            .collect()
            .await,
    )
}

async fn receive(world: &World, client: &Client, message: Message, batch: &Batch) -> Run {
    let item = &world.images[message.item];
    let began = Instant::now();
    // Half of the copies know of each other, the others do not.
    let options = options(message.item.is_multiple_of(2).then(|| batch.clone()));
    let request = world.request(client, item);
    let copying = async {
        match copy(&request, &options).await {
            Ok(outcome) => {
                assert!(outcome.report().is_some(), "{outcome:?}");
                End::Copied
            }
            Err(error) => End::Failed(error.error_type().to_owned()),
        }
    };
    let end = match message.way {
        Way::InProcess => copying.await,
        Way::Dropped(after) => tokio::time::timeout(after, copying)
            .await
            .unwrap_or(End::Dropped),
        Way::Killed(after) => process(world, item, after).await,
    };
    Run {
        item: message.item,
        began,
        end,
    }
}

async fn process(world: &World, item: &Item, after: Duration) -> End {
    let mut process = tokio::process::Command::new(env!("CARGO_BIN_EXE_copy-once"))
        .arg(world.source.addr().to_string())
        .arg(world.target.addr().to_string())
        .args([&item.repository, &item.tag])
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    match tokio::time::timeout(after, process.wait()).await {
        Ok(status) if status.as_ref().unwrap().success() => End::Copied,
        Ok(_) => End::Failed("process".to_owned()),
        Err(_) => {
            process.kill().await.unwrap();
            End::Killed
        }
    }
}

fn options(batch: Option<Batch>) -> CopyOptions {
    CopyOptions {
        referrers: true,
        batch,
        ..CopyOptions::default()
    }
}
