//! Facts of all shapes.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use jiff::Timestamp;
use steward_core::facts::{
    EventFacts, EventKind, Facts, Home, ImageConfig, ImageFacts, ImageKind, LayerFacts, Pusher,
    ReferrerFacts,
};
use steward_core::{Digest, Tag};

/// Facts that a seed stands for.
pub(super) fn any(random: &mut Rng) -> Facts {
    let event = EventFacts {
        kind: random
            .choice([EventKind::Pushed, EventKind::Deleted, EventKind::Review])
            .expect("three"),
        time: time(random),
        now: time(random),
    };
    let repository = random
        .choice(["prod/shop/api", "team/x", "ab"])
        .expect("three");
    Facts {
        registry: maybe(random, |_| Home {
            account: "111122223333".parse().expect("an account"),
            region: "eu-west-1".parse().expect("a Region"),
        }),
        image: maybe(random, |random| image(random, true)),
        previous: maybe(random, digest),
        resource_tags: maybe(random, texts),
        pusher: maybe(random, |random| Pusher {
            arn: text(random),
            source_ip: maybe(random, text),
            user_agent: maybe(random, text),
        }),
        ..Facts::absent(
            repository.parse().expect("a repository"),
            tag(random),
            event,
        )
    }
}

/// Takes away every fact whose path is not asked for.
pub(super) fn forget_all_but(asked: &BTreeSet<String>, facts: &mut Facts) {
    let asks = |path: &str| asked.contains(path);
    if !asks("registry") {
        facts.registry = None;
    }
    if !asks("repository.tags") {
        facts.resource_tags = None;
    }
    if !asks("previous") {
        facts.previous = None;
    }
    if !asks("pusher") {
        facts.pusher = None;
    }
    facts.siblings = None;
    let Some(image) = &mut facts.image else {
        return;
    };
    if !asked.iter().any(|path| path.starts_with("image")) {
        facts.image = None;
        return;
    }
    if !asks("image.pushed_at") {
        image.pushed_at = None;
    }
    if !asks("image.referrers") {
        image.referrers = None;
    }
    if !asks("image.annotations") {
        image.annotations = None;
    }
    forget_parts(asked, image);
    for child in image.children.iter_mut().flatten() {
        forget_parts(asked, child);
    }
}

fn forget_parts(asked: &BTreeSet<String>, image: &mut ImageFacts) {
    if !asked.contains("image.layers") {
        image.layers = None;
    }
    if !asked.contains("image.config") {
        image.config = None;
    }
}

fn maybe<T>(random: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    (random.u8(..4) > 0).then(|| make(random))
}

fn many<T>(random: &mut Rng, mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let count = match random.u8(..16) {
        0 => 1025,
        1 => 300,
        few => usize::from(few) / 4,
    };
    (0..count).map(|_| make(random)).collect()
}

fn time(random: &mut Rng) -> Timestamp {
    let seconds = match random.u8(..8) {
        0 => Timestamp::MIN.as_second(),
        1 => Timestamp::MAX.as_second(),
        _ => random.i64(1_500_000_000..1_900_000_000),
    };
    Timestamp::from_second(seconds).expect("it is in the range")
}

fn digest(random: &mut Rng) -> Digest {
    let digit = char::from(b'0' + random.u8(..4)).to_string();
    format!("sha256:{}", digit.repeat(64))
        .parse()
        .expect("a digest")
}

fn tag(random: &mut Rng) -> Tag {
    let tags = ["1.4.2", "latest", "main", "sha-0a1b2c3", "v2"];
    random.choice(tags).expect("five").parse().expect("a tag")
}

fn text(random: &mut Rng) -> String {
    match random.u8(..8) {
        0 => String::new(),
        1 => "x y ".repeat(random.usize(..50_000)),
        2 => "ä\u{10ffff}\0\n".to_owned(),
        3 => "99999999999999999999".to_owned(),
        4 => "arn:aws:sts::111122223333:assumed-role/ci/run".to_owned(),
        _ => random
            .choice(["shop", "payments", "root", "8080/tcp", "1"])
            .expect("five")
            .to_owned(),
    }
}

fn texts(random: &mut Rng) -> BTreeMap<String, String> {
    let name = |random: &mut Rng| match random.u8(..4) {
        0 => text(random),
        1 => random.u32(..).to_string(),
        _ => random
            .choice(["team", "owner", "x", "a.b"])
            .expect("four")
            .to_owned(),
    };
    many(random, |random| {
        (name(random), "v".repeat(random.usize(..9)))
    })
    .into_iter()
    .collect()
}

fn image(random: &mut Rng, may_be_index: bool) -> ImageFacts {
    let kinds = [ImageKind::Image, ImageKind::Artifact, ImageKind::Index];
    let kind = maybe(random, |random| {
        kinds[random.usize(..if may_be_index { 3 } else { 2 })]
    });
    let is_index = kind == Some(ImageKind::Index);
    ImageFacts {
        pushed_at: maybe(random, time),
        kind,
        media_type: maybe(random, text),
        artifact_type: maybe(random, text),
        platform: maybe(random, |_| "linux/amd64".parse().expect("a platform")),
        annotations: maybe(random, texts),
        config: maybe(random, config),
        layers: maybe(random, |random| many(random, layer)),
        children: if is_index {
            maybe(random, |random| {
                (0..random.usize(..5))
                    .map(|_| image(random, false))
                    .collect()
            })
        } else {
            None
        },
        referrers: maybe(random, |random| {
            many(random, |random| ReferrerFacts {
                digest: digest(random),
                artifact_type: "application/spdx+json".to_owned(),
                annotations: BTreeMap::new(),
            })
        }),
        ..ImageFacts::new(digest(random), many(random, tag))
    }
}

fn config(random: &mut Rng) -> ImageConfig {
    ImageConfig {
        created: maybe(random, time),
        user: text(random),
        labels: texts(random),
        exposed_ports: many(random, text),
    }
}

fn layer(random: &mut Rng) -> LayerFacts {
    LayerFacts {
        digest: digest(random),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
        size: if random.u8(..8) == 0 {
            u64::MAX
        } else {
            random.u64(..1 << 40)
        },
    }
}
