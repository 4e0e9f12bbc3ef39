//! Runs at the same image at the same time.

use super::large::{ONE_TARGET, paused};
use super::*;

impl World {
    /// How an event ends that comes twice at the same time.
    async fn twice(&self, event: &Incoming) -> [&'static str; 2] {
        let (one, two) = tokio::join!(self.deliver(event, 1, false), self.deliver(event, 1, false));
        [one.unwrap().word(), two.unwrap().word()]
    }
}

#[tokio::test]
async fn one_of_them_copies_and_one_look_afterwards_is_enough_for_all_others() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    let event = event("prod/app", Some("v1"), &digest);
    let third = async { world.deliver(&event, 1, false).await.unwrap().word() };
    let (two, third) = tokio::join!(world.twice(&event), third);
    assert_eq!((two, third), (["copied", "unfinished"], "unfinished"));
    assert_eq!(*world.copier.calls.lock().unwrap(), 1);
    assert_eq!(world.go_on().await, ["Image Review unchanged"]);
    assert_eq!(world.later.take(), []);
    assert_eq!(world.told().len(), 1);
}

#[tokio::test]
async fn a_message_to_go_on_that_comes_twice_ends_in_one_chain() {
    let world = World::with(ONE_TARGET);
    let digest = world.push("prod/app", Some("v1"), "{}");
    let event = event("prod/app", Some("v1"), &digest);
    let pauses = [(); 2].map(|()| paused(5, 10));
    world.copier.pauses.lock().unwrap().extend(pauses);
    world.deliver(&event, 1, false).await.unwrap();
    let look = world.later.take().pop().unwrap().0;
    let look = steward_core::event::incoming::parse_value(&look).unwrap();
    assert_eq!(world.twice(&look).await, ["unfinished", "unfinished"]);
    assert_eq!(*world.copier.calls.lock().unwrap(), 2);
    // The one looks, the other one goes on.
    assert_eq!(
        world.go_on().await,
        ["Image Review copied", "Image Review unchanged"]
    );
    assert_eq!(world.later.take(), []);
}

#[tokio::test]
async fn a_part_that_comes_twice_has_one_upload_and_one_chain() {
    let world = World::with(ONE_TARGET);
    let (parts, _) = world.sent(&[600, 600]).await;
    world.copier.pauses.lock().unwrap().push(paused(100, 500));
    assert_eq!(world.twice(&parts[0]).await, ["paused", "in_progress"]);
    let (parts, _) = world.waiting();
    assert_eq!(parts.len(), 1);
    // What fails lets the next one try at once.
    world.fail("a.example.com", down);
    world.deliver(&parts[0], 1, false).await.unwrap_err();
    world.mend();
    let outcome = world.deliver(&parts[0], 2, false).await.unwrap();
    assert_eq!(outcome.word(), "part_copied");
}
