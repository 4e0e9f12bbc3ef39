//! What holds for any order of pushes, deletions and events, under any policy.
//!
//! The model is the registry in memory: what people do to it is drawn at random, every change of a
//! tag becomes an event, as in ECR, the function's own changes too; events come in any order, and
//! twice, while time goes on. Beside it stands what the registry would be if nobody looked after it,
//! and a second, simple opinion about rules that speak of names.

mod policy;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::Index;
use steward_core::decision::is_guard_tag;
use steward_core::event::incoming::Review;

use self::policy::{Drawn, Rule, TAGS};
use super::*;

const REPOSITORY: &str = "prod/app";
const IMAGES: u8 = 4;

/// How often the same event may find something to do, once it moved something.
const AGAIN: usize = 4;
/// How often every tag may have to be looked at again until nothing is left to do, where a rule's
/// action hangs on the other tags of an image: no event tells which image a moved tag left.
const ROUNDS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    /// Somebody pushes one of a few images under one of a few tags.
    Push(usize, u8),
    /// Somebody removes a tag.
    Remove(usize),
    /// One of the events that are under way arrives, and perhaps comes again.
    Deliver(Index, bool),
    /// Hours pass.
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..TAGS.len(), 0..IMAGES).prop_map(|(tag, image)| Step::Push(tag, image)),
        2 => (0..TAGS.len()).prop_map(Step::Remove),
        8 => (any::<Index>(), any::<bool>()).prop_map(|(which, again)| Step::Deliver(which, again)),
        1 => (1..60_i64).prop_map(Step::Wait),
    ]
}

type Tags = BTreeMap<Tag, Digest>;

fn body(image: u8) -> String {
    format!("{{\"n\":{image}}}")
}

struct Model {
    world: World,
    policy: Policy,
    rules: Vec<Rule>,
    pending: Vec<Incoming>,
    /// The reviews that were ever under way: the same one is not sent twice.
    reviews: BTreeSet<String>,
    /// What the tags would mean if nobody looked after them.
    left_alone: Tags,
    pushed_at: BTreeMap<Digest, Timestamp>,
    /// Whether an event ended in the dead-letter queue: it is for a person to send it again.
    failed: bool,
}

impl Model {
    fn new(drawn: &Drawn) -> Self {
        Self {
            world: World::with(&drawn.text),
            policy: Policy::parse(&drawn.text, "policy.yaml").unwrap(),
            rules: drawn.rules.clone(),
            pending: Vec::new(),
            reviews: BTreeSet::new(),
            left_alone: Tags::new(),
            pushed_at: BTreeMap::new(),
            failed: false,
        }
    }

    fn now(&self) -> Timestamp {
        *self.world.now.lock().unwrap()
    }

    fn wait_until(&self, time: Timestamp) {
        let mut now = self.world.now.lock().unwrap();
        *now = time.max(*now);
    }

    /// The images of a repository with their tags, those in the archive too.
    fn images(&self, of: Option<&str>) -> BTreeMap<String, Vec<String>> {
        let rendered = self.world.ecr.render();
        let mut images = BTreeMap::new();
        for line in rendered.lines() {
            let mut words = line.split(' ').map(str::to_owned);
            let name = words.next().unwrap();
            let (repository, image) = name.split_once('@').unwrap();
            if of.is_none_or(|of| of == repository) {
                let tags: &mut Vec<String> = images.entry(image.to_owned()).or_default();
                tags.extend(words);
            }
        }
        images
    }

    fn digest(short: &str) -> Digest {
        let mut digests = (0..IMAGES).map(|image| manifest(&body(image)).digest);
        digests.find(|digest| digest.short() == short).unwrap()
    }

    fn tags(&self) -> Tags {
        let images = self.images(Some(REPOSITORY)).into_iter();
        images
            .flat_map(|(image, tags)| {
                let digest = Self::digest(&image);
                tags.into_iter()
                    .map(move |tag| (tag.parse().unwrap(), digest.clone()))
            })
            .collect()
    }

    /// Every image that has a tag anywhere.
    fn tagged(&self) -> BTreeSet<String> {
        let images = self.images(None).into_iter();
        images
            .filter(|(_, tags)| !tags.is_empty())
            .map(|(image, _)| image)
            .collect()
    }

    /// The images that rules with `delete` name, by the second opinion: each of their tags that
    /// somebody gave them is refused, for long enough.
    fn deletable(&self) -> BTreeSet<String> {
        let named = |image: &String, tags: &Vec<String>| {
            let digest = Self::digest(image);
            let age = self
                .pushed_at
                .get(&digest)
                .map_or(SignedDuration::MAX, |at| self.now().duration_since(*at));
            let repository = REPOSITORY.parse().unwrap();
            let own = |tag: &str| {
                let tag = tag.parse().unwrap();
                is_guard_tag(&tag, &digest) || self.policy.is_mark(&repository, &tag, &digest)
            };
            let mut given = tags.iter().filter(|tag| !own(tag)).peekable();
            given.peek().is_some()
                && given.all(|tag| self.rules.iter().any(|rule| rule.deletes(tag, age)))
        };
        let images = self.images(Some(REPOSITORY)).into_iter();
        images
            .filter(|(image, tags)| named(image, tags))
            .map(|(image, _)| image)
            .collect()
    }

    /// The events of what changed, and the ages of what came.
    fn changed(&mut self, before: &Tags) {
        let after = self.tags();
        for (tag, digest) in &after {
            if before.get(tag) != Some(digest) {
                self.put(action(REPOSITORY, Some(tag.as_str()), digest, "PUSH"));
            }
        }
        for (tag, digest) in before {
            if !after.contains_key(tag) {
                self.put(action(REPOSITORY, Some(tag.as_str()), digest, "DELETE"));
            }
        }
        let now = self.now();
        let here = self.images(Some(REPOSITORY));
        self.pushed_at
            .retain(|digest, _| here.contains_key(digest.short()));
        for image in here.keys() {
            let digest = Self::digest(image);
            let at = *self.pushed_at.entry(digest.clone()).or_insert(now);
            self.world.pushed_at(REPOSITORY, &digest, &at.to_string());
        }
        for (review, wait) in self.world.later.take() {
            if self.reviews.insert(wait.what) {
                self.put(parse_value(&review).unwrap());
            }
        }
    }

    fn put(&mut self, event: Incoming) {
        self.pending.push(event);
    }

    fn push(&mut self, tag: &str, image: u8) {
        let before = self.tags();
        let digest = self.world.push(REPOSITORY, tag, &body(image));
        self.left_alone.insert(tag.parse().unwrap(), digest);
        self.changed(&before);
    }

    async fn remove(&mut self, tag: &str) {
        let before = self.tags();
        let tag = tag.parse().unwrap();
        let repository = REPOSITORY.parse().unwrap();
        self.world.ecr.remove_tag(&repository, &tag).await.unwrap();
        self.left_alone.remove(&tag);
        self.changed(&before);
    }

    /// The same facts lead to the same plan, also under the same policy read once more.
    async fn decides_the_same_again(&self, event: &Incoming) -> Result<(), TestCaseError> {
        let Some(subject) = Subject::of(event) else {
            return Ok(());
        };
        let guard = &self.world.guard;
        let needs = Needs::of(&self.policy, &subject);
        let memory = Memory::new(&*self.world.state, &event.envelope);
        let history = guard.history(&memory, &subject, &needs).await.unwrap();
        let facts = guard.read(event, &subject, &needs, &history).await.unwrap();
        let first = plan(&facts, &self.policy);
        let other = guard.policy.current().await.unwrap();
        prop_assert_eq!(&first, &plan(&facts, &self.policy));
        prop_assert_eq!(&first, &plan(&facts, &other));
        Ok(())
    }

    /// Delivers an event, and again: the second time nothing is left to do. Only where the first one
    /// moved something, the second may do what the event of that move would, and soon all is done.
    async fn deliver(&mut self, event: &Incoming) -> Result<(), TestCaseError> {
        self.decides_the_same_again(event).await?;
        if let Detail::Review(Review { due: Some(due), .. }) = &event.detail {
            // What comes too early is only sent on.
            self.wait_until(*due);
        }
        let found = self.world.ecr.render();
        let first = self.look(event).await?;
        let moved = self.world.ecr.render() != found;
        for _ in 0..AGAIN {
            let found = self.world.ecr.render();
            let again = self.look(event).await?;
            prop_assert!(!first || again, "what went well goes wrong: {event:?}");
            if self.world.ecr.render() == found {
                return Ok(());
            }
            prop_assert!(moved, "{:?}\n{}\n{}", event, found, self.world.ecr.render());
        }
        Err(TestCaseError::fail(format!("again and again: {event:?}")))
    }

    /// Delivers an event; whether it was handled.
    async fn look(&mut self, event: &Incoming) -> Result<bool, TestCaseError> {
        let (before, kept, deletable) = (self.tags(), self.tagged(), self.deletable());
        // A deleted image that is nowhere cannot come back: that failure is an answer.
        let handled = self.world.handle(event).await.is_ok();
        self.failed |= !handled;
        let after = self.tagged();
        for image in kept.difference(&after) {
            prop_assert!(
                deletable.contains(image),
                "{image} lost its last tag at {event:?}\n{}",
                self.world.ecr.render()
            );
        }
        self.untouched(&format!("{event:?}"))?;
        self.changed(&before);
        Ok(handled)
    }

    /// A tag about which no rule may do anything means what people made it mean.
    fn untouched(&self, when: &str) -> Result<(), TestCaseError> {
        let tags = self.tags();
        for tag in TAGS {
            if self.rules.iter().any(|rule| rule.may_touch(tag)) {
                continue;
            }
            let tag: Tag = tag.parse().unwrap();
            prop_assert_eq!(
                tags.get(&tag),
                self.left_alone.get(&tag),
                "{} at {}",
                tag,
                when
            );
        }
        Ok(())
    }

    fn keys(&self) -> BTreeSet<String> {
        let events = self.world.events.events();
        events.into_iter().map(|event| event.dedupe_key).collect()
    }

    /// Left alone, it comes to rest: everything under way is delivered, at its time.
    async fn rest(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..400 {
            let due = |event: &Incoming| match &event.detail {
                Detail::Review(review) => review.due,
                _ => None,
            };
            let next = (0..self.pending.len()).min_by_key(|at| due(&self.pending[*at]));
            let Some(next) = next else { return Ok(()) };
            let event = self.pending.swap_remove(next);
            self.deliver(&event).await?;
        }
        Err(TestCaseError::fail(format!(
            "it goes round in circles: {:?}",
            self.pending.first()
        )))
    }

    /// Looks at every tag again; whether anything was left to do.
    async fn sweep(&mut self) -> Result<bool, TestCaseError> {
        let rendered = self.world.ecr.render();
        for (tag, digest) in self.tags() {
            let event = action(REPOSITORY, Some(tag.as_str()), &digest, "PUSH");
            self.deliver(&event).await?;
        }
        self.rest().await?;
        Ok(self.world.ecr.render() != rendered)
    }
}

async fn run(drawn: &Drawn, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut model = Model::new(drawn);
    for step in steps {
        match step {
            Step::Push(tag, image) => model.push(TAGS[tag], image),
            Step::Remove(tag) => model.remove(TAGS[tag]).await,
            Step::Deliver(which, again) => {
                if model.pending.is_empty() {
                    continue;
                }
                let index = which.index(model.pending.len());
                let event = if again {
                    model.pending[index].clone()
                } else {
                    model.pending.swap_remove(index)
                };
                model.deliver(&event).await?;
            }
            Step::Wait(hours) => {
                let hours = SignedDuration::from_hours(hours);
                model.wait_until(model.now().checked_add(hours).unwrap());
            }
        }
    }
    model.rest().await?;
    // What could not be done is for a person to send again.
    if model.failed {
        return Ok(());
    }
    // At rest nothing is left to do about any tag: at once, or, where an action hangs on the other
    // tags of an image, after a few looks at all of them.
    let rounds = if model.rules.iter().any(Rule::hangs_on_others) {
        ROUNDS
    } else {
        0
    };
    let mut round = 0;
    while model.sweep().await? {
        prop_assert!(round < rounds, "not at rest:\n{}", model.world.ecr.render());
        round += 1;
    }
    if model.failed {
        return Ok(());
    }
    // Nothing is left to tell either.
    let told = model.keys();
    model.sweep().await?;
    for key in model.keys() {
        prop_assert!(told.contains(&key), "news without a change: {key}");
    }
    // And what rules take away is gone, unless something that they could not do came before.
    let tags = model.tags();
    for tag in tags
        .keys()
        .map(Tag::as_str)
        .filter(|tag| TAGS.contains(tag))
    {
        let taken = model.rules.iter().any(|rule| rule.takes(tag));
        let stopped = model.rules.iter().any(Rule::hangs_on_others);
        prop_assert!(!taken || stopped, "{tag} is still there");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_order_of_events_loses_an_image_or_goes_round_in_circles(
        drawn in policy::policy(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(&drawn, steps))?;
    }
}
