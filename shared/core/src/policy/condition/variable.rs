//! The variables of conditions: what each is called, its type, and where it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::facts::{Facts, ImageConfig, ImageFacts, ImageKind, Pusher};

use super::Condition;
use super::kind::Kind;
use super::value::{Map, Value};

/// A variable.
pub(super) struct Variable {
    /// Its name, with a dot where it is a part of something.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The path of the facts behind it.
    pub(super) fact: &'static str,
    read: for<'a> fn(&'a Facts) -> Result<Value<'a>, Missing>,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It was looked for, and is not there: `has` is false.
    Absent(String),
    /// It was not looked for, or it cannot be computed: `has` does not know either.
    Unknown(String),
}

impl Missing {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Absent(text) | Self::Unknown(text) => text,
        }
    }
}

impl Variable {
    /// The variable's value.
    pub(super) fn read<'a>(&self, facts: &'a Facts) -> Result<Value<'a>, Missing> {
        let name = |reason: String| format!("`{}`: {reason}", self.name);
        let value = (self.read)(facts).map_err(|missing| match missing {
            Missing::Absent(reason) => Missing::Absent(name(reason)),
            Missing::Unknown(reason) => Missing::Unknown(name(reason)),
        })?;
        let length = match &value {
            Value::List(entries) => entries.len(),
            Value::Map(map) => map.len(),
            _ => 0,
        };
        if length > Condition::MAX_ENTRIES {
            let limit = Condition::MAX_ENTRIES;
            let reason = format!("it has {length} entries, and at most {limit} are looked at");
            return Err(Missing::Unknown(name(reason)));
        }
        Ok(value)
    }

    /// The variable of a name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|variable| variable.name == name)
    }

    /// What stands behind the dot, in the variables of which this is the part before it.
    pub(super) fn parts(of: &str) -> impl Iterator<Item = &'static str> {
        ALL.iter().filter_map(move |variable| {
            let (record, part) = variable.name.split_once('.')?;
            (record == of).then_some(part)
        })
    }

    /// The names without a dot, and those before one.
    pub(super) fn roots() -> BTreeSet<&'static str> {
        let root = |variable: &'static Self| variable.name.split('.').next();
        ALL.iter().filter_map(root).collect()
    }
}

impl fmt::Debug for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! variables {
    ($($name:literal: $kind:expr, $fact:literal => $read:expr;)*) => {
        /// Every variable.
        pub(super) static ALL: std::sync::LazyLock<Vec<Variable>> = std::sync::LazyLock::new(|| vec![
            $(Variable { name: $name, kind: $kind, fact: $fact, read: $read },)*
        ]);
    };
}

variables! {
    "event.kind": Kind::Text, "event" => |facts| Ok(Value::text(facts.event.kind.as_str()));
    "event.time": Kind::Time, "event" => |facts| Ok(Value::Time(facts.event.time));
    "now": Kind::Time, "event" => |facts| Ok(Value::Time(facts.event.now));
    "registry.account": Kind::Text, "registry" => |facts| {
        let home = facts.registry.as_ref().ok_or_else(no_home)?;
        Ok(Value::text(home.account.as_str()))
    };
    "registry.region": Kind::Text, "registry" => |facts| {
        let home = facts.registry.as_ref().ok_or_else(no_home)?;
        Ok(Value::text(home.region.as_str()))
    };
    "repository": Kind::Text, "repository" => |facts| Ok(Value::text(facts.repository.as_str()));
    "repository_tags": Kind::Map, "repository.tags" => |facts| {
        let tags = facts.resource_tags.as_ref();
        tags.map(whole).ok_or_else(|| unknown("the repository's resource tags were not read"))
    };
    "tag": Kind::Text, "tag" => |facts| Ok(Value::text(facts.tag.as_str()));
    "previous": Kind::Text, "previous" => |facts| {
        Ok(Value::text(facts.previous.as_ref().map_or("", |digest| digest.as_str())))
    };
    "image.digest": Kind::Text, "image" => |facts| Ok(Value::text(image(facts)?.digest.as_str()));
    "image.tags": Kind::list(Kind::Text), "image" => |facts| {
        Ok(Value::texts(image(facts)?.tags.iter().map(|tag| tag.as_str())))
    };
    "image.kind": Kind::Text, "image" => |facts| {
        let kind = image(facts)?.kind.ok_or_else(no_manifest)?;
        Ok(Value::text(kind.as_str()))
    };
    "image.media_type": Kind::Text, "image" => |facts| {
        let media_type = image(facts)?.media_type.as_deref();
        media_type.map(Value::text).ok_or_else(no_manifest)
    };
    "image.artifact_type": Kind::Text, "image" => |facts| {
        let image = image(facts)?;
        match (image.artifact_type.as_deref(), image.kind) {
            (Some(text), _) => Ok(Value::text(text)),
            (None, None) => Err(no_manifest()),
            (None, Some(_)) => Err(absent("the manifest says none")),
        }
    };
    "image.annotations": Kind::Map, "image.annotations" => |facts| {
        image(facts)?.annotations.as_ref().map(whole).ok_or_else(no_manifest)
    };
    "image.pushed_at": Kind::Time, "image.pushed_at" => |facts| {
        let pushed_at = image(facts)?.pushed_at;
        pushed_at.map(Value::Time).ok_or_else(|| unknown("the time of the push was not read"))
    };
    "image.size": Kind::Int, "image.layers" => size;
    "image.layers": Kind::Int, "image.layers" => |facts| {
        let mut most = 0;
        for image in images(facts)? {
            most = most.max(image.layers.as_ref().ok_or_else(no_manifest)?.len());
        }
        Ok(Value::count(most))
    };
    "image.platforms": Kind::list(Kind::Text), "image.config" => platforms;
    "image.labels": Kind::Map, "image.config" => labels;
    "image.user": Kind::Text, "image.config" => user;
    "image.created": Kind::Time, "image.config" => |facts| {
        let created = configs(facts)?.into_iter().filter_map(|config| config.created).min();
        created.map(Value::Time).ok_or_else(|| absent("the configuration does not say when"))
    };
    "image.exposed_ports": Kind::list(Kind::Text), "image.config" => |facts| {
        let ports = configs(facts)?.into_iter().flat_map(|config| &config.exposed_ports);
        Ok(Value::texts(ports.map(String::as_str).collect::<BTreeSet<_>>()))
    };
    "image.referrers": Kind::list(Kind::Text), "image.referrers" => |facts| {
        let referrers = image(facts)?.referrers.as_ref();
        let referrers = referrers.ok_or_else(|| unknown("what refers to the image was not read"))?;
        Ok(Value::texts(referrers.iter().map(|referrer| referrer.artifact_type.as_str())))
    };
    "pusher.arn": Kind::Text, "pusher" => |facts| Ok(Value::text(&pusher(facts)?.arn));
    "pusher.source_ip": Kind::Text, "pusher" => |facts| {
        let address = pusher(facts)?.source_ip.as_deref();
        address.map(Value::text).ok_or_else(|| absent("CloudTrail does not say it"))
    };
    "pusher.user_agent": Kind::Text, "pusher" => |facts| {
        let agent = pusher(facts)?.user_agent.as_deref();
        agent.map(Value::text).ok_or_else(|| absent("CloudTrail does not say it"))
    };
}

fn absent(reason: &str) -> Missing {
    Missing::Absent(reason.to_owned())
}

fn unknown(reason: &str) -> Missing {
    Missing::Unknown(reason.to_owned())
}

fn no_home() -> Missing {
    unknown("it was not said which registry this is")
}

fn no_manifest() -> Missing {
    unknown("the manifest was not read")
}

fn whole(map: &BTreeMap<String, String>) -> Value<'_> {
    Value::Map(Map::Whole(map))
}

fn image(facts: &Facts) -> Result<&ImageFacts, Missing> {
    let image = facts.image.as_ref();
    image.ok_or_else(|| absent("the tag is gone, and no image is known"))
}

fn pusher(facts: &Facts) -> Result<&Pusher, Missing> {
    let pusher = facts.pusher.as_ref();
    pusher.ok_or_else(|| absent("CloudTrail has not said who pushed"))
}

/// The image itself, or the images of an index.
fn images(facts: &Facts) -> Result<Vec<&ImageFacts>, Missing> {
    let image = image(facts)?;
    if image.kind != Some(ImageKind::Index) {
        return Ok(vec![image]);
    }
    let children = image.children.as_ref();
    let children = children.ok_or_else(|| unknown("the images of the index were not read"))?;
    Ok(children.iter().collect())
}

/// The configurations of the image, or of the images of an index; at least one.
fn configs(facts: &Facts) -> Result<Vec<&ImageConfig>, Missing> {
    let config = |image: &'_ ImageFacts| match image.kind {
        Some(ImageKind::Artifact) => Err(absent("an artifact has no configuration")),
        _ => Ok(()),
    };
    let mut configs = Vec::new();
    for image in images(facts)? {
        config(image)?;
        let read = image.config.as_ref();
        configs.push(read.ok_or_else(|| unknown("the configuration was not read"))?);
    }
    if configs.is_empty() {
        return Err(absent("the index has no image with a platform"));
    }
    Ok(configs)
}

/// The compressed bytes of the layers, each layer counted once.
fn size(facts: &Facts) -> Result<Value<'_>, Missing> {
    let mut layers = BTreeMap::new();
    for image in images(facts)? {
        for layer in image.layers.as_ref().ok_or_else(no_manifest)? {
            layers.insert(&layer.digest, layer.size);
        }
    }
    Ok(Value::count(
        layers
            .values()
            .fold(0_u64, |sum, size| sum.saturating_add(*size)),
    ))
}

fn platforms(facts: &Facts) -> Result<Value<'_>, Missing> {
    let mut platforms = Vec::new();
    for image in images(facts)? {
        match &image.platform {
            Some(platform) => platforms.push(Value::Text(platform.to_string().into())),
            None if image.config.is_none() && image.kind != Some(ImageKind::Artifact) => {
                return Err(unknown("the configuration was not read"));
            }
            None => {}
        }
    }
    Ok(Value::List(platforms))
}

/// The labels that each image of an index has, with the same value.
fn labels(facts: &Facts) -> Result<Value<'_>, Missing> {
    let configs = configs(facts)?;
    if let [config] = configs.as_slice() {
        return Ok(whole(&config.labels));
    }
    let mut common: Option<BTreeMap<&str, &str>> = None;
    for config in configs {
        let texts = config
            .labels
            .iter()
            .map(|(name, value)| (&**name, &**value));
        match &mut common {
            None => common = Some(texts.collect()),
            Some(common) => common
                .retain(|name, value| config.labels.get(*name).map(String::as_str) == Some(*value)),
        }
    }
    Ok(Value::Map(Map::Common(common.unwrap_or_default())))
}

/// The user that each image of an index runs as.
fn user(facts: &Facts) -> Result<Value<'_>, Missing> {
    let users: BTreeSet<&str> = configs(facts)?
        .into_iter()
        .map(|config| config.user.as_str())
        .collect();
    match users.first() {
        Some(user) if users.len() == 1 => Ok(Value::text(user)),
        _ => Err(unknown("the images of the index have different ones")),
    }
}
